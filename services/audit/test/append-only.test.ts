import { createHash } from 'node:crypto';
import { newId, unprotectedTables } from '@flotilla/postgres';
import { type TestDatabase, tenant } from '@flotilla/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditDatabase } from './harness.ts';

let database: TestDatabase;
let chunk = '';
const tenantId = tenant();
const id = newId();

beforeAll(async () => {
  database = await auditDatabase();
  await run(database.appUrl, insertion({ id }));
  const [found] = await database.query<{ chunk: string }>("select show_chunks('audit_events')::text as chunk");
  chunk = found?.chunk ?? '';
});
afterAll(() => database.drop());

/** Runs statements as a role, within the tenant; answers the rows of the last, or the refusal's SQL state. */
async function run(url: string, statement: string, within = tenantId): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('begin');
    await client.query("select set_config('app.current_tenant_id', $1, true)", [within]);
    const { rows } = await client.query(statement);
    await client.query('commit');
    return rows;
  } catch (error) {
    return (error as { code?: string }).code;
  } finally {
    await client.end();
  }
}

function insertion(changed: { id?: string; tenantId?: string; checksum?: string; occurredAt?: string }): string {
  const canonical = '{"canon":1}';
  const checksum = changed.checksum ?? createHash('sha256').update(canonical).digest('hex');
  return `insert into audit_events (id, tenant_id, occurred_at, event_type, actor_type, actor_id, action, resource_type,
    resource_id, result, canon, canonical, checksum)
    values ('${changed.id ?? newId()}', '${changed.tenantId ?? tenantId}', '${changed.occurredAt ?? '2026-02-03T04:05:06Z'}',
      'domain_event', 'user', 'u', 'a', 'agents', 'r', 'success', 1, convert_to('${canonical}', 'UTF8'), '${checksum}')`;
}

const denied = '42501';
const readOnly = '25006';
const changes = ["update audit_events set result = 'failure'", 'delete from audit_events', 'truncate audit_events'];

test('no role of the service changes or removes a record, its owner included', async () => {
  for (const statement of changes) {
    for (const role of ['appUrl', 'migratorUrl', 'relayUrl'] as const) {
      expect([role, statement, await run(database[role], statement)]).toEqual([role, statement, denied]);
    }
    for (const role of ['readonlyUrl', 'backupUrl'] as const) {
      expect([denied, readOnly]).toContain(await run(database[role], statement));
    }
    // Even a superuser meets the trigger; only switching it off, which leaves traces of its own, gets past it.
    expect([statement, await run(database.superuserUrl, statement)]).toEqual([statement, denied]);
  }
  expect(await run(database.appUrl, 'select id from audit_events')).toEqual([{ id }]);
});

test('chunks are out of reach for the roles that serve requests, and append-only for the owner', async () => {
  expect(chunk).toMatch(/^audit_chunks\./);
  for (const role of ['appUrl', 'readonlyUrl', 'relayUrl'] as const) {
    expect([role, await run(database[role], `select * from ${chunk}`)]).toEqual([role, denied]);
    expect([role, await run(database[role], `delete from ${chunk}`)]).not.toEqual([role, []]);
  }
  expect(await run(database.migratorUrl, `delete from ${chunk}`)).toBe(denied);
  expect(await run(database.migratorUrl, `update ${chunk} set result = 'failure'`)).toBe(denied);
  expect(
    await run(database.appUrl, "select drop_chunks('audit_events', older_than => '2030-01-01'::timestamptz)"),
  ).toBe(denied);
});

test('a record of a new month makes its chunk, although the writer may not go there', async () => {
  const before = await database.query("select show_chunks('audit_events')");
  expect(await run(database.appUrl, insertion({ occurredAt: '2027-07-07T07:07:07Z' }))).toEqual([]);
  expect(await database.query("select show_chunks('audit_events')")).toHaveLength(before.length + 1);
});

test('a record whose hash is not that of its bytes, or that belongs to another tenant, does not get in', async () => {
  expect(await run(database.appUrl, insertion({ checksum: 'f'.repeat(64) }))).toBe('23514');
  expect(await run(database.appUrl, insertion({ tenantId: tenant() }))).toBe(denied);
});

test('a tenant sees its own records only', async () => {
  for (const role of ['appUrl', 'readonlyUrl'] as const) {
    expect(await run(database[role], 'select count(*)::int from audit_events', tenant())).toEqual([{ count: 0 }]);
    expect(await run(database[role], 'select count(*)::int from audit_events', '')).toEqual([{ count: 0 }]);
  }
  expect(await unprotectedTables(database.superuserUrl)).toEqual([]);
});
