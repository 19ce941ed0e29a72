import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  migrate,
  provisionDatabase,
  type RoleKind,
  roleKinds,
  roleName,
  sql,
  unprotectedTables,
} from '../src/index.ts';
import { superuserUrl } from './config.ts';
import {
  createLoans,
  migrationFolder,
  queryOnce,
  type ThrowawayDatabase,
  throwawayDatabase,
} from './throwaway-database.ts';

let database: ThrowawayDatabase;
let other: ThrowawayDatabase;

beforeAll(async () => {
  [database, other] = await Promise.all([throwawayDatabase(), throwawayDatabase()]);
  await migrate({
    url: database.urls.migrator,
    folder: await migrationFolder({ '20261123-create-loans.sql': createLoans }),
  });
});
afterAll(async () => {
  await Promise.all([database?.drop(), other?.drop()]);
});

const denied = { code: '42501' };

test('no role of another service can connect', async () => {
  const { pathname } = new URL(database.urls.app);
  for (const kind of roleKinds) {
    const url = new URL(other.urls[kind]);
    url.pathname = pathname;
    await expect(queryOnce(url.href, 'select 1')).rejects.toMatchObject(denied);
  }
});

test('the app role has no DDL, owns nothing, bypasses nothing and reaches no other role’s tables', async () => {
  for (const statement of [
    'create table t (id int)',
    'create temp table t (id int)',
    'create schema s',
    'alter table loans add column x int',
    'drop table loans',
    'truncate loans',
    'alter table loans disable row level security',
    'drop policy same_tenant on loans',
    'select from outbox',
    'select from outbox_sent',
    'delete from outbox',
    'select from schema_migrations',
    `select maintain_outbox_sent(now(), '1 hour')`,
    'delete from inbox',
    'delete from idempotency_keys',
    `copy (select 1) to program 'true'`,
    `set role ${roleName(database.service, 'migrator')}`,
  ]) {
    await expect(database.query('app', statement), statement).rejects.toMatchObject({
      code: expect.stringMatching(/42501|0LP01/),
    });
  }
  const [facts] = await database.query(
    'superuser',
    `
    select rolbypassrls or rolsuper or rolcreatedb or rolcreaterole or rolreplication as strong,
      (select count(*)::int from pg_class where relowner = r.oid) + (select count(*)::int from pg_proc where proowner = r.oid) as owns
    from pg_roles r where rolname = $1`,
    [roleName(database.service, 'app')],
  );
  expect(facts).toEqual({ strong: false, owns: 0 });
});

test('the relay role reaches the outbox and nothing else', async () => {
  await database.query(
    'superuser',
    `insert into loans (id, tenant_id, slug) values (gen_random_uuid(), gen_random_uuid(), 'r')`,
  );
  await expect(database.query('relay', 'select from loans')).rejects.toMatchObject(denied);
  await expect(
    database.query(
      'relay',
      "insert into outbox (id, tenant_id, topic, aggregate, aggregate_id, type, payload, actor_type, actor_id) values (gen_random_uuid(), gen_random_uuid(), 't', 'a', gen_random_uuid(), 't', '', 't', 'i')",
    ),
  ).rejects.toMatchObject(denied);
  await expect(database.query('relay', 'delete from outbox_sent')).rejects.toMatchObject(denied);
  await expect(database.query('relay', 'select from inbox')).rejects.toMatchObject(denied);
  await database.query('relay', 'select from outbox');
  await database.query('relay', 'delete from outbox where false');
});

test('readonly reads one tenant at a time, backup reads all; neither writes', async () => {
  const tenantId = randomUUID();
  await database.query('superuser', `insert into loans (id, tenant_id, slug) values (gen_random_uuid(), $1, 'q')`, [
    tenantId,
  ]);
  expect(await database.query('readonly', 'select from loans')).toEqual([]);
  expect((await database.query('backup', 'select from loans')).length).toBeGreaterThan(0);
  for (const kind of ['readonly', 'backup'] as const) {
    await expect(database.query(kind, `begin read write; delete from loans`)).rejects.toMatchObject(denied);
  }
});

test('every role has its time-outs', async () => {
  for (const kind of roleKinds) {
    const rows = await database.query(
      kind,
      `select name, setting::bigint > 0 as set from pg_settings
      where name in ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'lock_timeout')`,
    );
    expect(rows.filter(({ set }) => set)).toHaveLength(4);
  }
});

test('passwords rotate while a pool is open: its connections live on, new ones need the new password', async () => {
  const rotating = await throwawayDatabase();
  try {
    const db = rotating.open({ maxConnections: 1 });
    const pid = () =>
      db.withoutTenant(
        async (tx) => (await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)).rows[0]?.pid,
      );
    const before = await pid();
    const passwords = Object.fromEntries(roleKinds.map((kind) => [kind, `new-${kind}`])) as Record<RoleKind, string>;
    const databaseName = new URL(rotating.urls.app).pathname.slice(1);
    await provisionDatabase(superuserUrl(), { database: databaseName, service: rotating.service, passwords });
    expect(await pid()).toBe(before);
    await expect(rotating.query('app', 'select 1')).rejects.toMatchObject({ code: '28P01' });
    const renewed = new URL(rotating.urls.app);
    renewed.password = passwords.app;
    expect(await queryOnce(renewed.href, 'select 1 as one')).toEqual([{ one: 1 }]);
  } finally {
    await rotating.drop();
  }
});

test('a provisioned and migrated database has no table without forced, restrictive protection', async () => {
  expect(await unprotectedTables(database.urls.superuser)).toEqual([]);
});

test('every way to leave a table open is found', async () => {
  const app = roleName(other.service, 'app');
  await migrate({
    url: other.urls.migrator,
    folder: await migrationFolder({
      '20261123-create.sql': `
      create table no_rls (id uuid, tenant_id uuid);
      create table not_forced (id uuid, tenant_id uuid); select protect_tenant_table('not_forced'); alter table not_forced no force row level security;
      create table only_permissive (id uuid, tenant_id uuid); select protect_tenant_table('only_permissive'); drop policy same_tenant on only_permissive;
      create policy same_tenant on only_permissive using (tenant_id = (select nullif(current_setting('app.current_tenant_id', true), '')::uuid));
      create table wide (id uuid, tenant_id uuid); select protect_tenant_table('wide'); drop policy same_tenant on wide;
      create policy same_tenant on wide as restrictive using (true) with check (true);
      create table reachable (id uuid); grant select on reachable to ${app};
      create table internal (id uuid);
      create table fine (id uuid, tenant_id uuid); select protect_tenant_table('fine');`,
    }),
  });
  expect((await unprotectedTables(other.urls.superuser)).map(({ table }) => table)).toEqual([
    'no_rls',
    'not_forced',
    'only_permissive',
    'reachable',
    'wide',
  ]);
});

test('the server keeps verifiers, made on this side: no password is in a statement, so none is in its log', async () => {
  const [row] = await database.query('superuser', 'select rolpassword from pg_authid where rolname = $1', [
    roleName(database.service, 'app'),
  ]);
  expect(row?.['rolpassword']).toMatch(/^SCRAM-SHA-256\$4096:/);
});
