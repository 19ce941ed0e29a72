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
