import { unprotectedTables } from '@flotilla/postgres';
import { type TestDatabase, testDatabase } from '@flotilla/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrations } from './harness.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ service: 'workflow', domain: 'workflow', migrations });
});
afterAll(() => database.drop());

test('every table is protected by row-level security', async () => {
  expect(await unprotectedTables(database.superuserUrl)).toEqual([]);
});

test('the service itself can neither change nor remove versions, journals and runs', async () => {
  const app = new pg.Client({ connectionString: database.appUrl });
  await app.connect();
  try {
    for (const statement of [
      'update workflow_versions set version = 2',
      'delete from workflow_versions',
      "update workflow_journal set kind = 'forged'",
      'delete from workflow_journal',
      'delete from workflow_instances',
      'truncate workflow_journal',
      'drop table tasks',
    ]) {
      await expect(app.query(statement), statement).rejects.toMatchObject({ code: '42501' });
    }
  } finally {
    await app.end();
  }
});
