import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { databasePrefix, databaseSecret, grpcServices, openSecrets, portOffsets, secretValue } from '@flotilla/deploy';
import { modelReplies, type ScriptedModel } from '@flotilla/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildEstate } from './estate.ts';
import { type Account, type Fleet, openFleet, type ServiceName } from './fleet.ts';

let fleet: Fleet;
let model: ScriptedModel;
let tenants: readonly [Account, Account];
beforeAll(async () => {
  fleet = await openFleet();
  model = await fleet.playModel([modelReplies.text('Hello.')]);
  tenants = [await fleet.newTenant(), await fleet.newTenant()];
});
afterAll(() => model.stop());

test('two tenants have everything under the same names', async () => {
  const mark = randomUUID().slice(0, 8);
  const [one, other] = await Promise.all(tenants.map((tenant) => buildEstate(fleet, tenant, mark)));
  for (const id of Object.values(one ?? {})) expect(Object.values(other ?? {})).not.toContain(id);
});

test.each(grpcServices.map((service) => [service]))(
  'the service’s role sees no row of another tenant, in no table of %s, and none at all without a tenant',
  async (service) => {
    const tables = await tablesOf(service);
    expect(tables.length).toBeGreaterThan(3);
    expect(tables.filter(({ tenanted, readable }) => readable && !tenanted)).toEqual([]);
    const app = new pg.Client({ connectionString: appUrl(service), connectionTimeoutMillis: 30_000 });
    await app.connect();
    const seen = { own: 0 };
    try {
      for (const { name, readable } of tables.filter((table) => table.tenanted)) {
        if (!readable) continue;
        const count = async (tenant: string, where: string) => {
          await app.query('begin');
          try {
            await app.query("select set_config('app.current_tenant_id', $1, true)", [tenant]);
            const { rows } = await app.query<{ rows: number }>(
              `select count(*)::int as rows from ${name} where ${where}`,
            );
            return rows[0]?.rows;
          } finally {
            await app.query('rollback');
          }
        };
        const [{ tenantId }, other] = tenants;
        expect([name, await count('', 'true')]).toEqual([name, 0]);
        expect([name, await count(tenantId, `tenant_id <> '${tenantId}'`)]).toEqual([name, 0]);
        expect([name, await count(tenantId, `tenant_id = '${other.tenantId}'`)]).toEqual([name, 0]);
        seen.own += (await count(tenantId, 'true')) ?? 0;
      }
    } finally {
      await app.end();
    }
    // There was something to be seen.
    expect(seen.own).toBeGreaterThan(0);
  },
);

test.each(grpcServices.map((service) => [service]))(
  'every table of %s that tells tenants apart is guarded, for its owner too; no key spans tenants',
  async (service) => {
    const tables = await tablesOf(service);
    for (const { name, guarded, forced, restrictive } of tables.filter((table) => table.tenanted)) {
      expect({ name, guarded, forced, restrictive }).toEqual({ name, guarded: true, forced: true, restrictive: true });
    }
    const spanning = await fleet.sql<{ index: string }>(
      service,
      `select i.indexrelid::regclass::text as index from pg_index i join pg_class c on c.oid = i.indrelid
       join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id'
       join pg_attribute f on f.attrelid = c.oid and f.attnum = i.indkey[0]
       where i.indisunique and c.relnamespace = 'public'::regnamespace and not c.relispartition
         and f.attname <> 'tenant_id' and f.atttypid not in ('uuid'::regtype, 'bigint'::regtype, 'timestamptz'::regtype)`,
    );
    expect(spanning.map(({ index }) => index).filter((index) => !global.has(index))).toEqual([]);
  },
);

/** Keys that must be one for all tenants: whoever shows one is not known yet. */
const global = new Set([
  'tenants_slug',
  'tenants_operator',
  'sessions_token',
  'api_keys_hash',
  'workflow_triggers_path',
]);

interface Table {
  readonly name: string;
  readonly tenanted: boolean;
  readonly guarded: boolean;
  readonly forced: boolean;
  readonly restrictive: boolean;
  /** By the service's role; what it may not even read needs no policy to hide it. */
  readonly readable: boolean;
}

function tablesOf(service: ServiceName): Promise<readonly Table[]> {
  return fleet.sql<Table & pg.QueryResultRow>(
    service,
    `select c.relname as name, c.relrowsecurity as guarded, c.relforcerowsecurity as forced,
       exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id') as tenanted,
       exists (select from pg_policy p where p.polrelid = c.oid and not p.polpermissive) as restrictive,
       has_table_privilege('${databasePrefix(service)}_app', c.oid, 'select') as readable
     from pg_class c where c.relkind in ('r', 'p') and not c.relispartition
       and c.relnamespace = 'public'::regnamespace order by 1`,
  );
}

function appUrl(service: ServiceName): string {
  const secrets = openSecrets(join(fleet.site.stateDir, 'secrets.json'));
  const role = `${databasePrefix(service)}_app`;
  const port = fleet.site.portBase + portOffsets.postgres.sql;
  return `postgres://${role}:${secretValue(secrets, databaseSecret(service, 'app'))}@127.0.0.1:${port}/${databasePrefix(service)}_db`;
}
