import { eventually } from '@flotilla/testing';
import { expect } from 'vitest';
import type { Fleet, ServiceName } from './fleet.ts';

const services = ['llm-agent', 'workflow', 'validation', 'notification'] as const satisfies readonly ServiceName[];

/** How many rows a tenant has in every table of every service but those that record what was refused: idempotency rows and events too. */
export async function footprint(fleet: Fleet, tenantId: string): Promise<Readonly<Record<string, number>>> {
  await atRest(fleet, tenantId);
  const counted = await Promise.all(
    services.map(async (service) => {
      const tables = await fleet.sql<{ name: string }>(
        service,
        `select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
         where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace
           and c.relname not like 'inbox%' and c.relname not like 'outbox%' order by 1`,
      );
      // A relay moves rows from one to the other, so only their sum stands still.
      const outboxes = `select 'outbox' as name, count(*)::int as rows from
        (select tenant_id from outbox union all select tenant_id from outbox_sent) as every where tenant_id = $1`;
      const counts = tables.map(({ name }) => `select '${name}', count(*)::int from ${name} where tenant_id = $1`);
      const rows = await fleet.sql<{ name: string; rows: number }>(service, [outboxes, ...counts].join(' union all '), [
        tenantId,
      ]);
      return rows.map((row) => [`${service} ${row.name}`, row.rows] as const);
    }),
  );
  return Object.fromEntries(counted.flat());
}

/** What follows from earlier requests by itself is done: grants are taken back, and workflow knows every agent. */
async function atRest(fleet: Fleet, tenantId: string): Promise<void> {
  const count = async (service: ServiceName, table: string) =>
    (
      await fleet.sql<{ rows: number }>(service, `select count(*)::int as rows from ${table} where tenant_id = $1`, [
        tenantId,
      ])
    )[0]?.rows;
  await eventually(
    async () => {
      expect(await count('workflow', 'ended_grants')).toBe(0);
      expect(await count('workflow', 'workflow_agent_cache')).toBe(await count('llm-agent', 'agents'));
    },
    { timeoutMs: 60_000, intervalMs: 100 },
  );
}

/** Every process of the fleet that is not ready. */
export async function unready(fleet: Fleet): Promise<readonly string[]> {
  return Object.entries(await fleet.readiness()).flatMap(([name, status]) => (status === 200 ? [] : [name]));
}
