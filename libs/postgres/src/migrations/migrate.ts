import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@flotilla/errors';
import type { Logger } from '@flotilla/observability';
import pg from 'pg';
import { applyCapture, type CapturedColumns } from './capture-triggers.ts';
import { type AppliedMigration, appliedMigrations, ensureHistory, runMigration } from './history.ts';
import { lintMigration } from './lint-migration.ts';
import { type Migration, migrationSet } from './migration-set.ts';

/** Where migrations are and where they go. The URL is the migrator role's, straight to the server, not by a pooler. */
export interface MigrationOptions {
  readonly url: string;
  /** Holds `<timestamp>-<verb>.sql` and `.down.sql` files. */
  readonly folder: string;
  readonly log?: Logger | undefined;
  /** How long to wait for another runner. */
  readonly lockTimeoutMs?: number | undefined;
}

/** One line of `status`. */
export interface MigrationState {
  readonly name: string;
  readonly origin: 'platform' | 'service' | 'unknown';
  /** `changed`: the file is not the one that was applied. `missing`: applied, but there is no such file. */
  readonly state: 'applied' | 'pending' | 'changed' | 'missing';
  readonly appliedAt: Date | undefined;
}

// One migrator at a time for a database; advisory locks are per database.
const lockKey = 4_021_967_001;

/**
 * Applies what is pending: the platform's migrations, the service's, then the capture triggers. Each file is one
 * transaction with its bookkeeping; a second runner waits and finds nothing to do. Refuses to run when a file was
 * changed after it was applied, when one is out of order, or when the linter objects.
 *
 * @returns the names of what was applied
 * @throws AppError `failed_precondition MIGRATION_INVALID` or `MIGRATION_FAILED`, `unavailable MIGRATION_LOCKED`
 */
export async function migrate(
  options: MigrationOptions & { readonly capture?: readonly CapturedColumns[] | undefined },
): Promise<readonly string[]> {
  const migrations = await migrationSet(options.folder);
  return withMigrator(options, async (client) => {
    await ensureHistory(client);
    const applied = await appliedMigrations(client);
    const problems = [...lintAll(migrations), ...disagreements(migrations, applied)];
    if (problems.length > 0) throw new AppError('failed_precondition', 'MIGRATION_INVALID', problems.join('\n'));
    const known = new Set(applied.map(({ name }) => name));
    const pending = migrations.filter(({ name }) => !known.has(name));
    for (const migration of pending) {
      options.log?.info({ migration: migration.name }, 'migrating');
      await runMigration(client, migration, 'up');
    }
    await applyCapture(client, options.capture ?? []);
    return pending.map(({ name }) => name);
  });
}

/** Undoes the last applied migrations of the service, newest first. The platform's stay. */
export async function rollbackMigration(
  options: MigrationOptions & { readonly steps?: number },
): Promise<readonly string[]> {
  const migrations = (await migrationSet(options.folder)).filter(({ origin }) => origin === 'service');
  return withMigrator(options, async (client) => {
    const applied = new Set((await appliedMigrations(client)).map(({ name }) => name));
    const chosen = migrations
      .filter(({ name }) => applied.has(name))
      .reverse()
      .slice(0, options.steps ?? 1);
    for (const migration of chosen) {
      options.log?.info({ migration: migration.name }, 'rolling back');
      await runMigration(client, migration, 'down');
    }
    return chosen.map(({ name }) => name);
  });
}

/** Every migration with its state, in order. */
export async function migrationStatus(options: MigrationOptions): Promise<readonly MigrationState[]> {
  const migrations = await migrationSet(options.folder);
  return withClient(options.url, async (client) => {
    const applied = new Map((await appliedMigrations(client)).map((row) => [row.name, row]));
    const states = migrations.map(({ name, origin, checksum }): MigrationState => {
      const row = applied.get(name);
      const state = row === undefined ? 'pending' : row.checksum === checksum ? 'applied' : 'changed';
      return { name, origin, state, appliedAt: row?.applied_at };
    });
    const files = new Set(migrations.map(({ name }) => name));
    const missing = [...applied.values()].filter(({ name }) => !files.has(name));
    return [
      ...states,
      ...missing.map(
        ({ name, applied_at }) => ({ name, origin: 'unknown', state: 'missing', appliedAt: applied_at }) as const,
      ),
    ];
  });
}

/** Problems of the files alone and, with a URL, of the files against what was applied. */
export async function validateMigrations(options: {
  readonly folder: string;
  readonly url?: string;
}): Promise<readonly string[]> {
  const migrations = await migrationSet(options.folder);
  const problems = lintAll(migrations);
  if (options.url === undefined) return problems;
  return withClient(options.url, async (client) => [
    ...problems,
    ...disagreements(migrations, await appliedMigrations(client)),
  ]);
}

function lintAll(migrations: readonly Migration[]): readonly string[] {
  return migrations.flatMap(({ name, up }) => lintMigration(up).map((problem) => `${name} ${problem}`));
}

function disagreements(migrations: readonly Migration[], applied: readonly AppliedMigration[]): readonly string[] {
  const files = new Map(migrations.map((migration) => [migration.name, migration]));
  const known = new Set(applied.map(({ name }) => name));
  const service = migrations.filter(({ origin }) => origin === 'service');
  const lastApplied = service.findLastIndex(({ name }) => known.has(name));
  return [
    ...applied.flatMap(({ name, checksum }) => {
      const file = files.get(name);
      if (file === undefined) return [`${name} was applied, but its file is missing`];
      return file.checksum === checksum ? [] : [`${name} was changed after it was applied`];
    }),
    ...service
      .filter(({ name }, index) => index < lastApplied && !known.has(name))
      .map(({ name }) => `${name} sorts before a migration that was already applied: give it a later time`),
  ];
}

async function withMigrator<T>(options: MigrationOptions, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withClient(options.url, async (client) => {
    const deadline = Date.now() + (options.lockTimeoutMs ?? 120_000);
    while (!(await tryLock(client))) {
      if (Date.now() > deadline) {
        throw new AppError('unavailable', 'MIGRATION_LOCKED', 'Another migration of this database is running.');
      }
      await delay(100);
    }
    return work(client);
  });
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [lockKey]);
  return rows[0]?.locked === true;
}

/** Closing the connection releases the lock, also after a crash. */
async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    application_name: 'flotilla-migrate',
  });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
