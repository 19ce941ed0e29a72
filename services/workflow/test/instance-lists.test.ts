import { createLogger } from '@flotilla/observability';
import { createDatabase, type Database, type ReadTx, sql } from '@flotilla/postgres';
import { type TestDatabase, tenant, testDatabase } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type InstanceFilter, listInstances } from '../src/db/instance-repository.ts';
import { listJobs } from '../src/db/job-repository.ts';
import type { Schema } from '../src/db/schema.ts';
import { migrations } from './harness.ts';

const runs = 20_000;
const rare = 20;
const limit = 10;
const tenantId = tenant();
let database: TestDatabase;
let db: Database<Schema>;

/** Runs of a tenant, of which the oldest are unlike the others. */
beforeAll(async () => {
  database = await testDatabase({ service: 'workflow', domain: 'workflow', migrations });
  await database.query(
    `with workflow as (insert into workflows (id, tenant_id, name, slug, definition, created_by)
        values (gen_random_uuid(), $1, 'W', 'w', '{}', $1) returning id),
      version as (insert into workflow_versions (id, tenant_id, workflow_id, version, definition, created_by)
        select gen_random_uuid(), $1, id, 1, '{}', $1 from workflow returning workflow_id)
      insert into workflow_instances (id, tenant_id, workflow_id, workflow_version, workflow_slug, status, error_reason, input, output,
        steps_total, traceparent, grant_id, created_by, created_at, completed_at, settled_at, tags)
      select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, $1, workflow_id, 1, 'w',
        case when n > $3 then 'completed' when n % 2 = 0 then 'failed' else 'cancelled' end,
        case when n > $3 then null else 'WHY' end, '{}', '{}', 1, '', gen_random_uuid(), $1, now(), now(), now(),
        case when n <= $3 then array['rare', 'old'] when n % 4 = 0 then array['often'] else '{}' end
      from version, generate_series(1, $2::integer) n`,
    [tenantId, runs, rare],
  );
  await database.query('analyze workflow_instances, workflow_instance_tags');
  db = createDatabase<Schema>({
    url: database.appUrl,
    maxConnections: 1,
    applicationName: 'test',
    log: createLogger({ service: 'test', level: 'silent' }),
  });
});
afterAll(async () => {
  await db?.close();
  await database?.drop();
});

const anyRun: InstanceFilter = {
  workflowId: '',
  status: undefined,
  createdFrom: undefined,
  createdBefore: undefined,
  tag: '',
  createdBy: '',
  parentInstanceId: '',
};

const rowsRead = async (tx: ReadTx<Schema>) => {
  const { rows } = await sql<{ rows: number }>`select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::integer as rows
    from pg_stat_xact_user_tables where relname in ('workflow_instances', 'workflow_instance_tags')`.execute(tx);
  return rows[0]?.rows ?? 0;
};

/** What is listed, and how many rows of runs were looked at for it. */
const looking = <T>(list: (tx: ReadTx<Schema>) => Promise<readonly T[]>) =>
  db.inTenant({ tenantId, actor: { type: 'service', id: 'test' } }, async (tx) => {
    const before = await rowsRead(tx);
    const listed = await list(tx);
    return { listed, looked: (await rowsRead(tx)) - before };
  });

test('a list of runs that did not succeed looks at these alone', async () => {
  const failed = await looking((tx) => listInstances(tx, { ...anyRun, status: 'failed', cursor: undefined, limit }));
  expect(failed.listed.map(({ status }) => status)).toEqual(Array(limit).fill('failed'));
  expect(failed.looked).toBeLessThanOrEqual(rare);
  const jobs = await looking((tx) => listJobs(tx, { status: 'cancelled', createdBy: '', cursor: undefined, limit }));
  expect(jobs.listed).toHaveLength(limit);
  expect(jobs.looked).toBeLessThanOrEqual(rare);
});

test('a list of runs with a tag looks at a page of them, however many runs there are with it or without it', async () => {
  const count = async () =>
    (await database.query<{ n: number }>('select count(*)::integer as n from workflow_instance_tags'))[0]?.n;
  expect(await count()).toBe(2 * rare + (runs - rare) / 4);
  // What comes again and again is planned once for any values: by the tenth time, if at all.
  for (let time = 0; time < 10; time += 1) {
    for (const tag of ['rare', 'often']) {
      let cursor: { id: string } | undefined;
      for (let page = 0; page < rare / limit; page += 1) {
        const { listed, looked } = await looking((tx) => listInstances(tx, { ...anyRun, tag, cursor, limit }));
        expect(listed.map(({ tags }) => tags.includes(tag))).toEqual(Array(limit).fill(true));
        expect(looked).toBeLessThanOrEqual(2 * limit);
        cursor = { id: listed.at(-1)?.id ?? '' };
      }
    }
  }
  const narrowed = { ...anyRun, tag: 'rare', status: 'failed', createdBy: tenantId, createdFrom: new Date(0) } as const;
  const found = await looking((tx) =>
    listInstances(tx, { ...narrowed, createdBefore: new Date(Date.now() + 60_000), cursor: undefined, limit }),
  );
  expect(found.listed.map(({ status }) => status)).toEqual(Array(limit).fill('failed'));
  await database.query('delete from workflow_instances');
  expect(await count()).toBe(0);
});
