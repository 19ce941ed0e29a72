import { type Environment, parseEnvironment } from '@flotilla/config';
import { capturedTables } from '@flotilla/contracts';
import { AppError } from '@flotilla/errors';
import { parseRepublishing, republish } from '@flotilla/events';
import type { Logger } from '@flotilla/observability';
import { migrate, migrationStatus, rollbackMigration, validateMigrations } from '@flotilla/postgres';

const commands = ['migrate', 'status', 'rollback', 'validate', 'republish'] as const;

/** A word for the migrator role: it concerns the database's schema, or rows of all tenants. */
export type MigrationCommand = (typeof commands)[number];

/** Tells such a word from others. */
export function isMigrationCommand(word: string): word is MigrationCommand {
  return commands.some((command) => command === word);
}

interface Migrated {
  readonly name: string;
  readonly domain?: string;
  readonly migrationsFolder?: string;
  readonly env: Environment;
}

/** Runs it as the migrator role (`<SERVICE>_MIGRATOR_DATABASE_URL`), and logs the outcome. */
export async function runMigrationCommand(
  command: MigrationCommand,
  argv: readonly string[],
  { name, domain, migrationsFolder: folder, env }: Migrated,
  log: Logger,
): Promise<void> {
  if (folder === undefined || domain === undefined) {
    throw new AppError('invalid_argument', 'NO_DATABASE', `${name} has no database.`);
  }
  const variable = `${name.toUpperCase().replaceAll('-', '_')}_MIGRATOR_DATABASE_URL`;
  const url = parseEnvironment(env, (read) =>
    read.url(variable, { description: 'The database, as the migrator role.' }),
  );
  const options = { url, folder, log };
  switch (command) {
    case 'migrate': {
      const applied = await migrate({ ...options, capture: capturedTables(domain) });
      log.info({ applied }, applied.length === 0 ? 'nothing to migrate' : 'migrated');
      return;
    }
    case 'status':
      for (const migration of await migrationStatus(options)) log.info({ ...migration });
      return;
    case 'rollback': {
      const rolledBack = await rollbackMigration({ ...options, steps: Number(argv[0] ?? 1) });
      log.info({ rolledBack }, 'rolled back');
      return;
    }
    case 'republish': {
      const republished = await republish(url, parseRepublishing(argv, new Date()));
      log.info({ republished }, 'published events go out again');
      return;
    }
    case 'validate': {
      const problems = await validateMigrations({ folder, url });
      if (problems.length > 0) throw new AppError('failed_precondition', 'MIGRATION_INVALID', problems.join('; '));
      log.info('the migrations are valid');
    }
  }
}
