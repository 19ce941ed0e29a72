import { type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { KnownAgent } from '../domain/agent-reference.ts';
import type { JsonObject } from '../domain/json.ts';
import { toColumn } from './json-column.ts';
import type { Schema, WorkflowAgentCache } from './schema.ts';

const columns = ['agent_id', 'agent_name', 'slug', 'status', 'version', 'output_schema'] as const;

/** Keeps what an event says of an agent, unless a later one was heard of. */
export async function keepAgent(
  tx: Tx<Schema>,
  agent: KnownAgent,
  event: { readonly seq: bigint; readonly deleted: boolean },
): Promise<void> {
  const values = {
    agent_name: agent.name,
    slug: agent.slug,
    status: agent.status,
    version: agent.version,
    output_schema: agent.outputSchema === undefined ? null : toColumn(agent.outputSchema),
    event_seq: event.seq,
    last_synced_at: sql<Date>`now()`,
    deleted_at: event.deleted ? sql<Date>`now()` : null,
  };
  await tx
    .insertInto('workflow_agent_cache')
    .values({ tenant_id: tx.scope.tenantId, agent_id: agent.id, ...values })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant_id', 'agent_id'])
        .doUpdateSet(values)
        .where(sql<boolean>`workflow_agent_cache.event_seq < ${String(event.seq)}::bigint`),
    )
    .execute();
}

/** The agents with one of these ids or slugs. Uses the primary key and the index workflow_agent_cache_slug. */
export async function findAgents(
  tx: ReadTx<Schema>,
  names: { readonly ids: readonly string[]; readonly slugs: readonly string[] },
): Promise<KnownAgent[]> {
  if (names.ids.length + names.slugs.length === 0) return [];
  const rows = await tx
    .selectFrom('workflow_agent_cache')
    .select(columns)
    .where('deleted_at', 'is', null)
    .where((is) =>
      is.or([
        sql<boolean>`agent_id = any (${[...names.ids]}::uuid[])`,
        sql<boolean>`slug = any (${[...names.slugs]}::text[])`,
      ]),
    )
    .execute();
  return rows.map(toAgent);
}

function toAgent(row: Pick<Selectable<WorkflowAgentCache>, (typeof columns)[number]>): KnownAgent {
  return {
    id: row.agent_id,
    name: row.agent_name,
    slug: row.slug,
    status: row.status,
    version: row.version,
    outputSchema: row.output_schema === null ? undefined : (row.output_schema as JsonObject),
  };
}
