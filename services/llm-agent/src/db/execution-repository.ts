import { after, type Cursor, createdBetween, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { Execution } from '../domain/execution.ts';
import type { InputPart } from '../domain/input.ts';
import type { Said } from '../domain/message.ts';
import type { JsonValue } from '../domain/output-schema.ts';
import type { Replay } from '../domain/replay.ts';
import type { Hop } from '../domain/routing.ts';
import type { Schema } from './schema.ts';

const columns = [
  'id',
  'agent_id',
  'agent_version',
  'content_hash',
  'split_id',
  'conversation_id',
  'replay_of_id',
  'replay',
  'status',
  'prompt',
  'parts',
  'response',
  'output',
  'prompt_tokens',
  'completion_tokens',
  'latency_ms',
  'cost_usd',
  'error_reason',
  'error_message',
  'attempts',
  'hops',
  'cached',
  'created_by',
  'created_at',
  'started_at',
  'completed_at',
  'last_cursor',
] as const;

/** Who runs an execution, and for how long it is believed. */
export interface Lease {
  readonly owner: string;
  readonly durationMs: number;
}

export type StoredExecution = Execution & { readonly lastCursor: number };

export async function findExecution(tx: ReadTx<Schema>, id: string): Promise<StoredExecution | undefined> {
  const row = await tx.selectFrom('executions').select(columns).where('id', '=', id).executeTakeFirst();
  return row && toExecution(row);
}

/** What the model was told before the prompt. */
export async function findContext(tx: ReadTx<Schema>, id: string): Promise<readonly Said[]> {
  const row = await tx.selectFrom('executions').select('context').where('id', '=', id).executeTakeFirst();
  return (row?.context as unknown as Said[] | null | undefined) ?? [];
}

/** How it stands, without its texts. */
export async function findExecutionState(
  tx: ReadTx<Schema>,
  id: string,
): Promise<{ status: Execution['status']; lastCursor: number } | undefined> {
  const row = await tx
    .selectFrom('executions')
    .select(['status', 'last_cursor'])
    .where('id', '=', id)
    .executeTakeFirst();
  return row && { status: row.status, lastCursor: Number(row.last_cursor) };
}

/** The execution, locked until commit, with who runs it. */
export async function lockExecution(
  tx: Tx<Schema>,
  id: string,
): Promise<
  { execution: StoredExecution; leaseOwner: string; leaseIsOver: boolean; cancelRequested: boolean } | undefined
> {
  const row = await tx
    .selectFrom('executions')
    .select([
      ...columns,
      'lease_owner',
      'cancel_requested_at',
      sql<boolean>`lease_expires_at < now()`.as('lease_is_over'),
    ])
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
  return (
    row && {
      execution: toExecution(row),
      leaseOwner: row.lease_owner,
      leaseIsOver: row.lease_is_over,
      cancelRequested: row.cancel_requested_at !== null,
    }
  );
}

/** Empty means any. */
export interface ExecutionFilter {
  readonly agentId: string;
  readonly conversationId: string;
  readonly replayOfId: string;
  readonly createdBy: string;
  readonly status: Execution['status'] | undefined;
  readonly createdFrom: Date | undefined;
  readonly createdBefore: Date | undefined;
}

/**
 * Ids of a page, newest first, with the bytes of their texts: a page of whole executions has to fit into a message.
 * Uses executions_agent, executions_conversation or executions_replay where one is given.
 */
export async function listExecutionSizes(
  tx: ReadTx<Schema>,
  filter: ExecutionFilter,
  page: { cursor: Cursor | undefined; limit: number },
): Promise<{ id: string; bytes: number }[]> {
  let query = tx
    .selectFrom('executions')
    .select([
      'id',
      sql<number>`octet_length(prompt) + octet_length(parts::text) + octet_length(response) * 2`.as('bytes'),
    ])
    .where(after<Schema, 'executions'>('desc', page.cursor))
    .where(createdBetween<Schema, 'executions'>(filter.createdFrom, filter.createdBefore));
  if (filter.agentId !== '') query = query.where('agent_id', '=', filter.agentId);
  if (filter.conversationId !== '') query = query.where('conversation_id', '=', filter.conversationId);
  if (filter.replayOfId !== '') query = query.where('replay_of_id', '=', filter.replayOfId);
  if (filter.createdBy !== '') query = query.where('created_by', '=', filter.createdBy);
  if (filter.status !== undefined) query = query.where('status', '=', filter.status);
  return query.orderBy('id', 'desc').limit(page.limit).execute();
}

/** Newest first. */
export async function findExecutions(tx: ReadTx<Schema>, ids: readonly string[]): Promise<StoredExecution[]> {
  if (ids.length === 0) return [];
  const rows = await tx.selectFrom('executions').select(columns).where('id', 'in', ids).orderBy('id', 'desc').execute();
  return rows.map(toExecution);
}

/** Notes progress; false when the execution is not this owner's any more. */
export async function updateProgress(
  tx: Tx<Schema>,
  id: string,
  owner: string,
  { attempts, lastCursor }: { attempts: number; lastCursor: number | undefined },
): Promise<boolean> {
  const result = await tx
    .updateTable('executions')
    .set({ attempts, ...(lastCursor === undefined ? {} : { last_cursor: lastCursor }) })
    .where('id', '=', id)
    .where('lease_owner', '=', owner)
    .where('status', 'in', ['pending', 'running'])
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

export async function markCancelRequested(tx: Tx<Schema>, id: string, now: Date): Promise<void> {
  await tx
    .updateTable('executions')
    .set({ cancel_requested_at: now })
    .where('id', '=', id)
    .where('cancel_requested_at', 'is', null)
    .execute();
}

/**
 * Over all tenants: which of the executions are still this owner's. Only those that the process knows to run: one whose
 * start it believes to have failed must not live on.
 */
export async function renewLeases(
  tx: Tx<Schema>,
  lease: Lease,
  ids: readonly string[],
): Promise<{ id: string; cancelRequested: boolean }[]> {
  const { rows } = await sql<{ id: string; cancel_requested: boolean }>`
    select id, cancel_requested
    from renew_leases(${lease.owner}, ${lease.durationMs} * interval '1 millisecond', ${ids}::uuid[])`.execute(tx);
  return rows.map((row) => ({ id: row.id, cancelRequested: row.cancel_requested }));
}

/** Over all tenants: executions whose lease is over. Uses executions_unfinished. */
export async function findLostExecutions(tx: Tx<Schema>, limit: number): Promise<{ id: string; tenantId: string }[]> {
  const { rows } = await sql<{ id: string; tenant_id: string }>`
    select id, tenant_id from lost_executions(${limit})`.execute(tx);
  return rows.map((row) => ({ id: row.id, tenantId: row.tenant_id }));
}

function toExecution(row: Pick<Selectable<Schema['executions']>, (typeof columns)[number]>): StoredExecution {
  return {
    id: row.id,
    agentId: row.agent_id,
    agentVersion: row.agent_version,
    contentHash: row.content_hash,
    splitId: row.split_id ?? undefined,
    conversationId: row.conversation_id ?? undefined,
    replay:
      row.replay_of_id === null ? undefined : { ofId: row.replay_of_id, ...(row.replay as unknown as KeptReplay) },
    status: row.status,
    prompt: row.prompt,
    parts: row.parts as unknown as readonly InputPart[],
    response: row.response,
    output: (row.output as JsonValue | null) ?? undefined,
    promptTokens: row.prompt_tokens,
    completionTokens: row.completion_tokens,
    latencyMs: row.latency_ms ?? undefined,
    costUsd: toDecimal(row.cost_usd),
    errorReason: row.error_reason,
    errorMessage: row.error_message,
    attempts: row.attempts,
    hops: row.hops as unknown as readonly Hop[],
    cached: row.cached,
    createdBy: row.created_by,
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    completedAt: row.completed_at ?? undefined,
    lastCursor: Number(row.last_cursor),
  };
}

type KeptReplay = Omit<Replay, 'ofId'>;

/** The least id of a moment: ids sort by time, so a range of ids is a range of time, and reads its months only. */
export function firstIdAt(ms: number): string {
  const hex = Math.max(0, Math.trunc(ms)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** The database pads to twelve places. */
export function toDecimal(numeric: string | null): string | undefined {
  return numeric?.includes('.') ? numeric.replace(/\.?0+$/, '') : (numeric ?? undefined);
}
