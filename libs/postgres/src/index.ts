export {
  type ColumnType,
  CompiledQuery,
  type Insertable,
  type Selectable,
  sql,
  type Updateable,
} from 'kysely';
export type { Bytes, Generated, GeneratedAlways, Int8, Json, JsonValue, Numeric, Timestamp } from './column-types.ts';
export { createDatabase, type Database, type DatabaseOptions } from './database.ts';
export { generateEntityDiagram } from './entity-diagram.ts';
export { type Conflict, type Conflicts, toDatabaseError } from './errors.ts';
export { allOf, createGatheredWrites, type GatheredWrites, type SmallWrite } from './gathered-writes.ts';
export { newId } from './id.ts';
export type { CapturedColumns } from './migrations/capture-triggers.ts';
export { keepChecksums } from './migrations/checksums.ts';
export { lintMigration } from './migrations/lint-migration.ts';
export {
  type MigrationOptions,
  type MigrationState,
  migrate,
  migrationStatus,
  rollbackMigration,
  validateMigrations,
} from './migrations/migrate.ts';
export { type Migration, migrationSet } from './migrations/migration-set.ts';
export { after, type Cursor, createdBetween, pageSizeOf, pageToken, toPage } from './page-token.ts';
export {
  type DatabaseProvision,
  provisionDatabase,
  type RoleKind,
  roleKinds,
  roleName,
} from './provision-database.ts';
export { checkRevision, expectOneRow, revisionOf } from './revision.ts';
export { generateSchemaTypes } from './schema-types.ts';
export { type IdempotencyScope, type ReadCall, scopeOf, type TransactionScope, type WriteCall } from './scope.ts';
export type { ReadTx, Tx } from './tx.ts';
export { type UnprotectedTable, unprotectedTables } from './unprotected-tables.ts';
