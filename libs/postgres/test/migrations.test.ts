import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { generateSchemaTypes, migrate, migrationStatus, rollbackMigration, validateMigrations } from '../src/index.ts';
import { createLoans, migrationFolder, type ThrowawayDatabase, throwawayDatabase } from './throwaway-database.ts';

let database: ThrowawayDatabase;
beforeEach(async () => {
  database = await throwawayDatabase();
});
afterEach(() => database?.drop());

const addDue = {
  '20261124-add-due.sql': 'alter table loans add column due_at timestamptz',
  '20261124-add-due.down.sql': 'alter table loans drop column due_at',
};
const folderOf = (more: Record<string, string> = {}) =>
  migrationFolder({ '20261123-create-loans.sql': createLoans, ...more });
const optionsFor = (folder: string) => ({ url: database.urls.migrator, folder });
const exists = async (table: string) =>
  (await database.query('superuser', 'select to_regclass($1) is not null as exists', [table]))[0]?.['exists'];

test('a second run does nothing; the history tells what was done, by whom and how long it took', async () => {
  const options = optionsFor(await folderOf(addDue));
  expect(await migrate(options)).toHaveLength(6);
  expect(await migrate(options)).toEqual([]);
  expect((await migrationStatus(options)).map(({ state }) => state)).toEqual(Array(6).fill('applied'));
  const history = await database.query(
    'superuser',
    'select direction, error, executed_by, duration_ms from schema_migration_history order by id',
  );
  expect(history).toHaveLength(6);
  expect(history[4]).toMatchObject({
    direction: 'up',
    error: null,
    executed_by: `${database.service.replace('-', '_')}_migrator`,
  });
  expect(history.every(({ duration_ms }) => duration_ms >= 0)).toBe(true);
});

test('two runners at once apply each migration once', async () => {
  const options = optionsFor(await folderOf(addDue));
  const applied = await Promise.all([migrate(options), migrate(options), migrate(options)]);
  expect(applied.map((names) => names.length).sort()).toEqual([0, 0, 6]);
});

test('a runner that dies in the middle leaves nothing of the file; the next one finishes', async () => {
  const folder = await folderOf({ '20261124-slow.sql': 'create table half (id uuid); select pg_sleep(600);' });
  const options = optionsFor(folder);
  const dying = migrate(options).catch((error: unknown) => error);
  await expect
    .poll(
      () =>
        database.query(
          'superuser',
          `select pid from pg_stat_activity where application_name = 'flotilla-migrate' and query like '%pg_sleep(600)%' and pid <> pg_backend_pid()`,
        ),
      { timeout: 20_000 },
    )
    .toHaveLength(1);
  await database.query(
    'superuser',
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'flotilla-migrate' and datname = current_database()`,
  );
  expect(await dying).toBeInstanceOf(Error);
  expect(await exists('half')).toBe(false);
  expect(await exists('loans')).toBe(true);
  await writeFile(join(folder, '20261124-slow.sql'), 'create table half (id uuid);');
  expect(await migrate(options)).toEqual(['20261124-slow']);
});

test('a file that fails is rolled back whole and its error is in the history', async () => {
  const options = optionsFor(
    await folderOf({ '20261124-broken.sql': 'create table half (id uuid); select no_such_function();' }),
  );
  await expect(migrate(options)).rejects.toMatchObject({ reason: 'MIGRATION_FAILED' });
  expect(await exists('half')).toBe(false);
  expect(
    await database.query('superuser', 'select name, error from schema_migration_history where error is not null'),
  ).toMatchObject([{ name: '20261124-broken', error: expect.stringContaining('no_such_function') }]);
});

test('a file changed after it was applied stops everything', async () => {
  const folder = await folderOf();
  const options = optionsFor(folder);
  await migrate(options);
  await writeFile(join(folder, '20261123-create-loans.sql'), `${createLoans} -- touched`);
  await writeFile(join(folder, '20261124-more.sql'), 'create table more (id uuid)');
  await expect(migrate(options)).rejects.toMatchObject({ reason: 'MIGRATION_INVALID' });
  expect(await exists('more')).toBe(false);
  expect(await validateMigrations(options)).toEqual([expect.stringContaining('was changed after it was applied')]);
  expect(await migrationStatus(options)).toContainEqual(
    expect.objectContaining({ name: '20261123-create-loans', state: 'changed' }),
  );
});

test('a file that sorts before an applied one is refused', async () => {
  const folder = await folderOf(addDue);
  const options = optionsFor(folder);
  await migrate(options);
  await writeFile(join(folder, '20261123-late.sql'), 'create table late (id uuid)');
  await expect(migrate(options)).rejects.toMatchObject({
    reason: 'MIGRATION_INVALID',
    message: expect.stringContaining('sorts before'),
  });
});

test('the last migration is undone by its down file, and can be applied again', async () => {
  const options = optionsFor(await folderOf(addDue));
  await migrate(options);
  expect(await rollbackMigration(options)).toEqual(['20261124-add-due']);
  expect((await migrationStatus(options)).at(-1)).toMatchObject({ name: '20261124-add-due', state: 'pending' });
  expect(await migrate(options)).toEqual(['20261124-add-due']);
  await rollbackMigration(options);
  await expect(rollbackMigration(options)).rejects.toMatchObject({ reason: 'MIGRATION_HAS_NO_DOWN' });
});

test('old code works on the new schema, or the linter asks why not', async () => {
  const breaking = optionsFor(await folderOf({ '20261124-drop.sql': 'alter table loans drop column note' }));
  await expect(migrate(breaking)).rejects.toMatchObject({ reason: 'MIGRATION_INVALID' });
  const reasoned = optionsFor(
    await folderOf({ '20261124-drop.sql': '-- contract: unread since version 3\nalter table loans drop column note' }),
  );
  expect(await migrate(reasoned)).toContain('20261124-drop');
});

test('the types of the schema follow the database, checks become unions', async () => {
  await migrate(optionsFor(await folderOf()));
  const text = await generateSchemaTypes(database.urls.migrator);
  expect(text).toContain(`import type { Generated, Int8, Json, Timestamp } from '@flotilla/postgres';`);
  for (const line of [
    "state: Generated<'lent' | 'returned'>;",
    'note: string | null;',
    'body: Json | null;',
    'event_seq: Generated<Int8>;',
    'tags: Generated<string[]>;',
    'deleted_at: Timestamp | null;',
  ]) {
    expect(text).toContain(line);
  }
  expect(text).not.toMatch(/outbox|inbox|idempotency/i);
});
