import { inbox } from './inbox.ts';
import { outbox } from './outbox.ts';
import { partitions } from './partitions.ts';
import { protection } from './protection.ts';

/** Applied to every database before the service's own migrations. TypeScript, so that a bundle holds them. */
export const platformMigrations = [protection, outbox, inbox, partitions] as const;

/** Tables that the platform brings: services reach them through the libraries only. */
export const platformTables: readonly string[] = [
  'outbox',
  'outbox_sent',
  'inbox',
  'inbox_positions',
  'parked_events',
  'idempotency_keys',
  'schema_migrations',
  'schema_migration_history',
];
