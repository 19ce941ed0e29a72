import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate, unprotectedTables } from '../src/index.ts';
import { migrationFolder, type ThrowawayDatabase, throwawayDatabase } from './throwaway-database.ts';

let database: ThrowawayDatabase;
const day = 86_400_000;

beforeAll(async () => {
  database = await throwawayDatabase();
  await migrate({ url: database.urls.migrator, folder: await migrationFolder({}) });
});
afterAll(() => database?.drop());

test('partitions of what was sent are made ahead and dropped after 72 hours, by the relay alone', async () => {
  const partitions = async () =>
    (
      await database.query(
        'superuser',
        `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'outbox_sent'::regclass order by 1`,
      )
    ).map(({ name }) => name);
  const start = new Date();
  const at = (days: number) => new Date(start.getTime() + days * day);
  const send = (time: Date) =>
    database.query(
      'relay',
      `insert into outbox_sent (seq, id, tenant_id, topic, aggregate, aggregate_id, type, payload, causation_depth, actor_type, actor_id, occurred_at, sent_at)
       values (1, $1, $1, 't', 'a', $1, 't', '', 0, 'user', 'u', $2, $2)`,
      [randomUUID(), time],
    );
  const maintain = (time: Date) =>
    database.query('relay', `select maintain_outbox_sent($1, interval '72 hours') as dropped`, [time]);
  expect(await partitions()).toHaveLength(4);
  await send(start);
  for (let days = 1; days <= 3; days++) {
    expect(await maintain(at(days))).toEqual([]);
    await send(at(days));
  }
  expect(await database.query('relay', 'select from outbox_sent')).toHaveLength(4);
  expect(await maintain(at(4))).toHaveLength(1);
  expect(await database.query('relay', 'select from outbox_sent')).toHaveLength(3);
  // The relay was off for long.
  await maintain(at(40));
  await send(at(41));
  expect(await database.query('relay', 'select from outbox_sent')).toHaveLength(1);
  expect(await unprotectedTables(database.urls.superuser)).toEqual([]);
});

test('old inbox rows and idempotency keys are forgotten, young ones are not', async () => {
  const tenantId = randomUUID();
  await database.query(
    'superuser',
    `insert into inbox select $1, 'c', gen_random_uuid(), now() - n * interval '1 day' from generate_series(0, 19) as n`,
    [tenantId],
  );
  await database.query(
    'superuser',
    `insert into idempotency_keys select $1, 'a', 'k' || n, 'm', '', null, now() - n * interval '1 day' from generate_series(0, 4) as n`,
    [tenantId],
  );
  const sweep = () =>
    database.query(
      'relay',
      `select sweep_platform_tables(now() + interval '1 minute', interval '14 days', interval '2 days')::int as swept`,
    );
  expect(await sweep()).toEqual([{ swept: 6 + 3 }]);
  expect(await sweep()).toEqual([{ swept: 0 }]);
});

test.each([
  ['a UUID v7', 'id', `first_id_at('2026-01-31 23:59:59.999+00')`],
  ['a time', 'at', `timestamptz '2026-01-31 23:59:59.999+00'`],
])(
  'a table becomes one that is kept by month, by %s: no row is lost, months are made ahead and dropped',
  async (_name, key, january) => {
    const table = `kept_by_${key}`;
    const migrator = (sql: string, values: unknown[] = []) =>
      database.query<{ answer: unknown }>('migrator', sql, values);
    const [id, at] = key === 'id' ? [january, 'now()'] : ['uuid_v7()', january];
    await migrator(`create table ${table} (id uuid not null, tenant_id uuid not null, at timestamptz not null,
    note text not null default 'n' check (note <> ''), updated_at timestamptz, unique (tenant_id, ${key}))`);
    await migrator(`create index ${table}_note on ${table} (note, ${key}) where note <> 'n'`);
    await migrator(`select protect_tenant_table('${table}', 'select, insert, update')`);
    await migrator(`insert into ${table} values (${id}, gen_random_uuid(), ${at})`);
    await migrator(`select partition_by_month('${table}', '${key}', 'select, insert, update')`);
    const names = async () =>
      (
        await migrator(`select replace(inhrelid::regclass::text, '${table}_', '') as answer from pg_inherits
       where inhparent = '${table}'::regclass order by inhrelid`)
      ).map(({ answer }) => String(answer));
    const rows = async () => (await migrator(`select count(*)::int as answer from ${table}`))[0]?.answer;
    const maintain = (now: Date, keep: string) =>
      migrator(`select maintain_month_partitions('${table}', $1, $2::interval) as answer`, [now, keep]);
    const start = new Date();
    const monthsOn = (months: number) => new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + months, 1));
    const month = (months: number) => monthsOn(months).toISOString().slice(0, 7).replace('-', '');

    expect(await rows()).toBe(1);
    expect(await names()).toEqual([`until_${month(1)}`, month(1), month(2), month(3)]);
    const insert = (time: Date) =>
      migrator(
        `insert into ${table} values (first_id_at($1), gen_random_uuid(), $1) returning tableoid::regclass as answer`,
        [time],
      );
    expect(await insert(monthsOn(1))).toEqual([{ answer: `${table}_${month(1)}` }]);
    // Nothing is old enough, and doing it again changes nothing.
    expect(await maintain(start, '90 days')).toEqual([]);
    expect(await names()).toHaveLength(4);
    expect(await maintain(monthsOn(1), '1 day')).toEqual([]);
    expect(await maintain(monthsOn(2), '1 day')).toEqual([{ answer: `${table}_until_${month(1)}` }]);
    expect(await rows()).toBe(1);
    expect(await maintain(monthsOn(12), '3 months')).toHaveLength(5);
    expect([await rows(), (await names())[0]]).toEqual([0, month(12)]);
    await insert(monthsOn(15));
    expect(await unprotectedTables(database.urls.superuser)).toEqual([]);
  },
);
