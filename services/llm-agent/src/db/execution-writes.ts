import type { DescMessage } from '@bufbuild/protobuf';
import { appendEventsWith, type NewEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import type { Execution } from '../domain/execution.ts';
import type { Said } from '../domain/message.ts';
import type { Lease } from './execution-repository.ts';
import type { Schema } from './schema.ts';
import { type ExecutionNews, textOfNews } from './update-repository.ts';

// One statement each for the beginning and the end: the execution, what its followers are told, and the event. Texts are
// written out, because making them anew for every execution costs more than sending them.

const startText = `bumped as (
  insert into executions (id, tenant_id, agent_id, agent_version, content_hash, split_id, conversation_id, replay_of_id,
    replay, context, status, prompt, parts, attempts, created_by, created_at, started_at, deadline_at, lease_owner,
    lease_expires_at, event_seq)
  select $1::uuid, $2::uuid, a.id, $5::integer, $6, $7::uuid, $8::uuid, $9::uuid, $10::jsonb, $11::jsonb, $12, $13,
    $14::jsonb, $15::integer, $16, $17::timestamptz, $17::timestamptz, $18::timestamptz, $19,
    now() + $20::float8 * interval '1 millisecond', 1
  from agents a where a.id = $3::uuid and a.revision = $4::integer and a.deleted_at is null
  returning id, event_seq
), news as (
  insert into execution_updates (tenant_id, execution_id, cursor, kind) select $2::uuid, id, 1, 'started' from bumped
)`;

/** What an execution begins with besides itself. */
export interface Beginnings {
  readonly lease: Lease;
  readonly deadlineAt: Date;
  readonly context: readonly Said[];
  /** The execution begins only while its agent has this revision. */
  readonly agentRevision: number;
  readonly event: NewEvent<DescMessage>;
  /** The agent has another revision. */
  readonly agentChanged: () => Error;
}

/** Writes a running execution, its first news and its event. */
export function insertExecution(tx: Tx<Schema>, execution: Execution, beginnings: Beginnings): void {
  const { lease, deadlineAt, context, agentRevision, event, agentChanged } = beginnings;
  const { replay } = execution;
  const values = [
    execution.id,
    tx.scope.tenantId,
    execution.agentId,
    agentRevision,
    execution.agentVersion,
    execution.contentHash,
    execution.splitId ?? null,
    execution.conversationId ?? null,
    replay?.ofId ?? null,
    replay === undefined ? null : JSON.stringify({ ...replay, ofId: undefined }),
    context.length === 0 ? null : JSON.stringify(context),
    execution.status,
    execution.prompt,
    JSON.stringify(execution.parts),
    execution.attempts,
    execution.createdBy,
    execution.createdAt,
    deadlineAt,
    lease.owner,
    lease.durationMs,
  ];
  appendEventsWith(tx, { text: startText, values }, [event], agentChanged);
}

const finishText = `bumped as (
  update executions set status = $3, response = $4, output = $5::jsonb, prompt_tokens = $6::integer,
    completion_tokens = $7::integer, latency_ms = $8::integer, cost_usd = $9::numeric, error_reason = $10,
    error_message = $11, attempts = $12::integer, hops = $13::jsonb, cached = $14::boolean,
    completed_at = $15::timestamptz, last_cursor = $16::bigint, updated_at = now(), event_seq = event_seq + 1
  where id = $1::uuid and lease_owner = $17 and status in ('pending', 'running')
  returning id, event_seq
), news as (
  insert into execution_updates (tenant_id, execution_id, cursor, kind, text, attempt)
  select $2::uuid, bumped.id, n.cursor, n.kind, n.text, n.attempt
  from bumped, unnest($18::bigint[], $19::text[], $20::text[], $21::integer[]) as n (cursor, kind, text, attempt)
  on conflict do nothing
)`;

/** What an execution ends with besides itself. */
export interface Endings {
  readonly owner: string;
  /** The cursor of the last of the news. */
  readonly lastCursor: number;
  readonly news: readonly ExecutionNews[];
  readonly event: NewEvent<DescMessage>;
  /** The execution is not this owner's any more. */
  readonly lost: () => Error;
}

/** Writes the end of an execution, its last news and its event. */
export function updateFinished(tx: Tx<Schema>, execution: Execution, endings: Endings): void {
  const { owner, lastCursor, news, event, lost } = endings;
  const values = [
    execution.id,
    tx.scope.tenantId,
    execution.status,
    execution.response,
    execution.output === undefined ? null : JSON.stringify(execution.output),
    execution.promptTokens,
    execution.completionTokens,
    execution.latencyMs ?? null,
    execution.costUsd ?? null,
    execution.errorReason,
    execution.errorMessage,
    execution.attempts,
    JSON.stringify(execution.hops),
    execution.cached,
    execution.completedAt ?? null,
    lastCursor,
    owner,
    news.map(({ cursor }) => cursor),
    news.map(({ kind }) => kind),
    news.map(textOfNews),
    news.map((item) => (item.kind === 'restarted' ? item.attempt : 0)),
  ];
  appendEventsWith(tx, { text: finishText, values }, [event], lost);
}
