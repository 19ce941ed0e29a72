import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../src/index.ts';
import { createLoans, migrationFolder, type ThrowawayDatabase, throwawayDatabase } from './throwaway-database.ts';

let database: ThrowawayDatabase;
let folder: string;
const capture = [{ domain: 'lending', table: 'loans', columns: ['state', 'slug', 'note', 'body', 'not_a_column'] }];

beforeAll(async () => {
  database = await throwawayDatabase();
  folder = await migrationFolder({ '20261123-create-loans.sql': createLoans });
  await migrate({ url: database.urls.migrator, folder, capture });
});
afterAll(() => database?.drop());

const captured = (id: string) =>
  database.query(
    'superuser',
    'select topic, type, tenant_id, actor_type, actor_id, traceparent, change from outbox where aggregate_id = $1 order by seq',
    [id],
  );

test('whoever writes, by whatever means, is captured with before and after; secret columns are not', async () => {
  const id = randomUUID();
  const tenantId = randomUUID();
  await database.query(
    'superuser',
    `insert into loans (id, tenant_id, slug, secret_note) values ($1, $2, 's', 'canary')`,
    [id, tenantId],
  );
  await database.query('migrator', `update loans set state = 'returned', secret_note = 'canary2' where id = $1`, [id]);
  await database.query('migrator', 'delete from loans where id = $1', [id]);
  const rows = await captured(id);
  const migrator = `${database.service.replace('-', '_')}_migrator`;
  expect(rows).toMatchObject([
    {
      topic: 'flotilla.lending.changes.v1',
      type: 'flotilla.events.v1.RowChanged',
      tenant_id: tenantId,
      actor_id: 'database:postgres',
      change: { operation: 'INSERT', before: null, after: { state: 'lent', revision: 1 } },
    },
    {
      actor_type: 'system',
      actor_id: `database:${migrator}`,
      change: { operation: 'UPDATE', before: { state: 'lent' }, after: { state: 'returned' }, database_role: migrator },
    },
    { change: { operation: 'DELETE', before: { state: 'returned', id }, after: null } },
  ]);
  expect(JSON.stringify(rows)).not.toContain('canary');
  expect(Object.keys(rows[0]?.['change'].after).sort()).toEqual([
    'body',
    'deleted_at',
    'id',
    'note',
    'revision',
    'slug',
    'state',
    'tenant_id',
  ]);
});

test('the service itself is captured with its actor and trace; what is not captured changes nothing', async () => {
  const db = database.open();
  const id = randomUUID();
  const tenantId = randomUUID();
  await db.inTenant({ tenantId, actor: { type: 'user', id: 'u7' }, traceparent: 'trace' }, async (tx) => {
    const { sql } = await import('../src/index.ts');
    await sql`insert into loans (id, tenant_id, slug) values (${id}, ${tenantId}, 's')`.execute(tx);
    await sql`update loans set event_seq = event_seq + 1, secret_note = 'x' where id = ${id}`.execute(tx);
  });
  expect(await captured(id)).toMatchObject([
    { actor_type: 'user', actor_id: 'u7', traceparent: 'trace', change: { operation: 'INSERT' } },
  ]);
});

test('a captured table cannot be emptied unseen', async () => {
  await expect(database.query('superuser', 'truncate loans')).rejects.toThrow('captured row by row');
});

test('triggers follow the contract and are left alone when nothing changed', async () => {
  const triggers = () =>
    database.query('superuser', `select oid, tgargs from pg_trigger where tgname = 'capture_change'`);
  const before = await triggers();
  await migrate({ url: database.urls.migrator, folder, capture });
  expect(await triggers()).toEqual(before);
  await migrate({
    url: database.urls.migrator,
    folder,
    capture: [{ domain: 'lending', table: 'loans', columns: ['state'] }],
  });
  expect(await triggers()).not.toEqual(before);
  await migrate({ url: database.urls.migrator, folder, capture: [] });
  expect(await triggers()).toEqual([]);
  const missing = [{ domain: 'lending', table: 'shelves', columns: [] }];
  await expect(migrate({ url: database.urls.migrator, folder, capture: missing })).rejects.toMatchObject({
    reason: 'CAPTURED_TABLE_MISSING',
  });
});
