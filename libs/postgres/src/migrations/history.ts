import { AppError } from '@flotilla/errors';
import type pg from 'pg';
import type { Migration } from './migration-set.ts';

/** What the database remembers of a migration. */
export interface AppliedMigration {
  readonly name: string;
  readonly checksum: string;
  readonly applied_at: Date;
}

/** The state (one row for each applied migration) and the log (one row for each attempt). No role but the owner sees them. */
export async function ensureHistory(client: pg.Client): Promise<void> {
  await client.query(`
    create table if not exists schema_migrations (
      name text primary key, checksum text not null, applied_at timestamptz not null default now());
    create table if not exists schema_migration_history (
      id bigint generated always as identity primary key, name text not null, direction text not null,
      checksum text not null, started_at timestamptz not null, duration_ms integer not null, error text,
      executed_by text not null default session_user)`);
}

/** In the order of application; empty on a fresh database. */
export async function appliedMigrations(client: pg.Client): Promise<readonly AppliedMigration[]> {
  const { rows } = await client.query<{ known: boolean }>(
    `select to_regclass('schema_migrations') is not null as known`,
  );
  if (rows[0]?.known !== true) return [];
  const applied = await client.query<AppliedMigration>(
    'select name, checksum, applied_at from schema_migrations order by applied_at, name',
  );
  return applied.rows;
}

/** Runs one direction of a migration with its bookkeeping in one transaction, and logs the attempt either way. */
export async function runMigration(client: pg.Client, migration: Migration, direction: 'up' | 'down'): Promise<void> {
  const startedAt = new Date();
  const sql = direction === 'up' ? migration.up : migration.down;
  if (sql === undefined) {
    throw new AppError('failed_precondition', 'MIGRATION_HAS_NO_DOWN', `${migration.name} has no .down.sql.`);
  }
  const log = (error: string | null) =>
    client.query(
      `insert into schema_migration_history (name, direction, checksum, started_at, duration_ms, error)
       values ($1, $2, $3, $4, $5, $6)`,
      [migration.name, direction, migration.checksum, startedAt, Date.now() - startedAt.getTime(), error],
    );
  try {
    await client.query('begin');
    await client.query(sql);
    if (direction === 'up') {
      await client.query(
        'insert into schema_migrations (name, checksum, applied_at) values ($1, $2, clock_timestamp())',
        [migration.name, migration.checksum],
      );
    } else {
      await client.query('delete from schema_migrations where name = $1', [migration.name]);
    }
    await log(null);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    const text = error instanceof Error ? error.message : String(error);
    await log(text);
    throw new AppError('failed_precondition', 'MIGRATION_FAILED', `${migration.name} (${direction}): ${text}`, {
      cause: error,
    });
  }
}
