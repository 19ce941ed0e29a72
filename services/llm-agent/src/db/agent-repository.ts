import { after, type Cursor, newId, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import {
  type Agent,
  type AgentCapability,
  type AgentContent,
  type AgentLimits,
  type AgentParameters,
  contentHash,
} from '../domain/agent.ts';
import type { JsonObject } from '../domain/output-schema.ts';
import type { AgentRouting } from '../domain/routing.ts';
import type { AgentSplit } from '../domain/split.ts';
import type { Schema } from './schema.ts';

const contentColumns = ['provider', 'model', 'parameters', 'system_prompt', 'output_schema', 'tools'] as const;
const columns = [
  'id',
  'name',
  'slug',
  'description',
  ...contentColumns,
  'limits',
  'status',
  'tags',
  'capabilities',
  'memory_enabled',
  'split',
  'routing',
  'version',
  'created_by',
  'created_at',
  'updated_at',
  'revision',
] as const;
const versionColumns = ['id', 'agent_id', 'version', 'content_hash', ...contentColumns, 'created_at'] as const;

type ContentRow = Pick<Selectable<Schema['agents']>, (typeof contentColumns)[number]>;
type AgentRow = Pick<Selectable<Schema['agents']>, (typeof columns)[number]>;

/** An agent as it was. */
export interface AgentVersion extends AgentContent {
  readonly id: string;
  readonly agentId: string;
  readonly version: number;
  readonly contentHash: string;
  readonly createdAt: Date;
}

/**
 * The agent with the times that the database gave it. Throws already_exists AGENT_SLUG_TAKEN when another one won the
 * race: the index agents_slug decides.
 */
export async function insertAgent(tx: Tx<Schema>, agent: Agent): Promise<Agent> {
  const row = await tx
    .insertInto('agents')
    .values({
      ...toRow(agent),
      id: agent.id,
      tenant_id: tx.scope.tenantId,
      slug: agent.slug,
      created_by: agent.createdBy,
      revision: agent.revision,
    })
    .returning(['created_at', 'updated_at'])
    .executeTakeFirstOrThrow();
  return { ...agent, createdAt: row.created_at, updatedAt: row.updated_at };
}

export async function insertAgentVersion(tx: Tx<Schema>, agent: Agent): Promise<void> {
  const { provider, model, parameters, system_prompt, output_schema, tools } = toRow(agent);
  await tx
    .insertInto('agent_versions')
    .values({
      id: newId(),
      tenant_id: tx.scope.tenantId,
      agent_id: agent.id,
      version: agent.version,
      content_hash: contentHash(agent),
      provider,
      model,
      parameters,
      system_prompt,
      output_schema,
      tools,
      created_at: agent.updatedAt,
    })
    .execute();
}

export async function findAgent(tx: ReadTx<Schema>, id: string): Promise<Agent | undefined> {
  const row = await tx
    .selectFrom('agents')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return row && toAgent(row);
}

/** The agent, locked until commit. */
export async function lockAgent(tx: Tx<Schema>, id: string): Promise<Agent | undefined> {
  const row = await tx
    .selectFrom('agents')
    .select(columns)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst();
  return row && toAgent(row);
}

/** Writes what `changeAgent` decided and counts the revision up. The row is locked, so nobody was quicker. */
export async function updateAgent(tx: Tx<Schema>, agent: Agent): Promise<Agent> {
  const row = await tx
    .updateTable('agents')
    .set({ ...toRow(agent), revision: agent.revision + 1 })
    .where('id', '=', agent.id)
    .returning(['revision', 'updated_at'])
    .executeTakeFirstOrThrow();
  return { ...agent, revision: row.revision, updatedAt: row.updated_at };
}

export async function markAgentDeleted(tx: Tx<Schema>, agent: Agent, now: Date): Promise<void> {
  await tx
    .updateTable('agents')
    .set({ deleted_at: now, revision: agent.revision + 1 })
    .where('id', '=', agent.id)
    .execute();
}

/** Newest first: ids sort by time. */
export async function listAgents(
  tx: ReadTx<Schema>,
  filter: { status: Agent['status'] | undefined; slug: string; tag: string; capability: string },
  page: { cursor: Cursor | undefined; limit: number },
): Promise<Agent[]> {
  let query = tx.selectFrom('agents').select(columns).where('deleted_at', 'is', null);
  if (filter.status !== undefined) query = query.where('status', '=', filter.status);
  if (filter.slug !== '') query = query.where('slug', '=', filter.slug);
  if (filter.tag !== '') query = query.where((eb) => eb(eb.val(filter.tag), '=', eb.fn.any('tags')));
  if (filter.capability !== '') {
    const wanted = JSON.stringify([{ capability: filter.capability }]);
    query = query.where(sql<boolean>`capabilities @> ${wanted}::jsonb`);
  }
  const rows = await query
    .where(after<Schema, 'agents'>('desc', page.cursor))
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
  return rows.map(toAgent);
}

export async function findAgentVersion(
  tx: ReadTx<Schema>,
  agentId: string,
  version: number,
): Promise<AgentVersion | undefined> {
  const row = await tx
    .selectFrom('agent_versions')
    .select(versionColumns)
    .where('agent_id', '=', agentId)
    .where('version', '=', version)
    .executeTakeFirst();
  return row && toVersion(row);
}

/** How many of these versions there are. */
export async function countAgentVersions(
  tx: ReadTx<Schema>,
  agentId: string,
  versions: readonly number[],
): Promise<number> {
  const { rows } = await sql<{ found: bigint }>`
    select count(*) as found from agent_versions
    where agent_id = ${agentId} and version = any (${versions}::integer[])`.execute(tx);
  return Number(rows[0]?.found ?? 0n);
}

/** Newest first. */
export async function listAgentVersions(
  tx: ReadTx<Schema>,
  agentId: string,
  page: { cursor: Cursor | undefined; limit: number },
): Promise<AgentVersion[]> {
  const rows = await tx
    .selectFrom('agent_versions')
    .select(versionColumns)
    .where('agent_id', '=', agentId)
    .where(after<Schema, 'agent_versions'>('desc', page.cursor))
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
  return rows.map(toVersion);
}

function toRow(agent: Agent) {
  return {
    name: agent.name,
    description: agent.description,
    provider: agent.provider,
    model: agent.model,
    parameters: JSON.stringify(agent.parameters),
    system_prompt: agent.systemPrompt,
    output_schema: agent.outputSchema === undefined ? null : JSON.stringify(agent.outputSchema),
    tools: [...agent.tools],
    limits: JSON.stringify(agent.limits),
    tags: [...agent.tags],
    capabilities: JSON.stringify(agent.capabilities),
    memory_enabled: agent.memoryEnabled,
    routing: JSON.stringify(agent.routing),
    split: agent.split === undefined ? null : JSON.stringify(agent.split),
    status: agent.status,
    version: agent.version,
  };
}

function toContent(row: ContentRow): AgentContent {
  return {
    provider: row.provider,
    model: row.model,
    parameters: row.parameters as AgentParameters,
    systemPrompt: row.system_prompt,
    outputSchema: (row.output_schema as JsonObject | null) ?? undefined,
    tools: row.tools,
  };
}

function toAgent(row: AgentRow): Agent {
  return {
    ...toContent(row),
    id: row.id,
    name: row.name,
    slug: row.slug,
    description: row.description,
    limits: row.limits as AgentLimits,
    status: row.status,
    tags: row.tags,
    capabilities: row.capabilities as unknown as readonly AgentCapability[],
    memoryEnabled: row.memory_enabled,
    routing: row.routing as AgentRouting,
    split: (row.split as unknown as AgentSplit | null) ?? undefined,
    version: row.version,
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    revision: row.revision,
  };
}

function toVersion(row: Pick<Selectable<Schema['agent_versions']>, (typeof versionColumns)[number]>): AgentVersion {
  return {
    ...toContent(row),
    id: row.id,
    agentId: row.agent_id,
    version: row.version,
    contentHash: row.content_hash,
    createdAt: row.created_at,
  };
}
