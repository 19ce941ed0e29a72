import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { ExecutionFinishedSchema, ExecutionStartedSchema, ExecutionStatus } from '@flotilla/contracts/agent';
import { newId } from '@flotilla/postgres';
import type { Pool } from 'pg';
import type { ModelAnswer } from './ask-model.ts';
import type { BenchDatabase } from './database.ts';

export interface AgentRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly provider: string;
  readonly model: string;
  readonly system_prompt: string;
  readonly version: number;
  readonly limit_tokens: string;
  readonly period_id: string;
}

interface Started {
  readonly id: string;
  readonly agentId: string;
  readonly agentVersion: number;
  readonly tenantId: string;
  readonly periodId: string;
  readonly prompt: string;
  readonly createdBy: string;
  readonly startedAt: Date;
}

export interface Finished extends Started, Omit<ModelAnswer, 'text'> {
  readonly response: string;
  readonly completedAt: Date;
}

const process = `bare-${randomUUID()}`;

// Every statement is prepared under a name and is a transaction by itself: one round trip each.
const find = `
  select a.id, a.tenant_id, a.provider, a.model, a.system_prompt, a.version, b.limit_tokens, p.id as period_id
  from agents a join budgets b on b.tenant_id = a.tenant_id and b.level = 'tenant' and b.deleted_at is null
  join budget_periods p on p.tenant_id = b.tenant_id and p.budget_id = b.id
  where a.tenant_id = $2 and a.id = $1 and a.deleted_at is null`;

// What is reserved bounds the budget, in the transaction that allows the call; what was used is settled in the other.
const begin = `
  with reserved as (
    update budget_periods set reserved_tokens = reserved_tokens + $16
    where id = $17 and spent_tokens + reserved_tokens + $16 <= $18 returning id
  ), execution as (
    insert into executions (id, tenant_id, agent_id, agent_version, content_hash, status, prompt, attempts, created_by, created_at, started_at,
      deadline_at, lease_owner, lease_expires_at, event_seq)
    select $1, $2, $3, $4, repeat('0', 64), 'running', $5, 1, $6, $7, $7, $8, $9, now() + interval '15 s', 1 from reserved
  ), attempt as (
    insert into provider_attempts (id, tenant_id, execution_id, attempt, agent_id, user_id, provider, model, status, started_at,
      reserved_prompt_tokens, reserved_completion_tokens, budget_period_ids)
    select $10, $2, $1, 1, $3, $6::text::uuid, $11, $12, 'started', $7, $16, 0, array[id] from reserved
  ), news as (
    insert into execution_updates (tenant_id, execution_id, cursor, kind) select $2, $1, 1, 'started' from reserved
  ), audit as (
    insert into audit_events (id, tenant_id, occurred_at, event_type, actor_type, actor_id, action, resource_type, resource_id,
      result, metadata, trace_id, canon, canonical, checksum)
    select $13, $2, $7, 'domain_event', 'user', $6, 'flotilla.agent.v1.ExecutionStarted', 'executions', $1::uuid::text, 'success',
      $19, $20, 1, $21, $22 from reserved
  )
  insert into outbox (id, tenant_id, topic, aggregate, aggregate_id, event_seq, type, payload, traceparent, actor_type, actor_id)
  select $13, $2, 'flotilla.agent.v1', 'executions', $1, 1, 'flotilla.agent.v1.ExecutionStarted', $14, $15, 'user', $6 from reserved`;

const finish = `
  with execution as (
    update executions set status = 'completed', response = $3, prompt_tokens = $4, completion_tokens = $5, latency_ms = $6,
      completed_at = $7, last_cursor = 3, event_seq = 2
    where id = $1 and lease_owner = $8 and status in ('pending', 'running')
  ), attempt as (
    update provider_attempts set status = 'succeeded', prompt_tokens = $4, completion_tokens = $5, completed_at = $7
    where execution_id = $1 and attempt = 1 and status = 'started'
  ), settled as (
    update budget_periods set reserved_tokens = reserved_tokens - $13, spent_tokens = spent_tokens + $4 + $5
    where id = $14
  ), news as (
    insert into execution_updates (tenant_id, execution_id, cursor, kind, text)
    values ($2, $1, 2, 'text', $3), ($2, $1, 3, 'finished', '')
  ), audit as (
    insert into audit_events (id, tenant_id, occurred_at, event_type, actor_type, actor_id, action, resource_type, resource_id,
      result, metadata, trace_id, canon, canonical, checksum)
    values ($9, $2, $7, 'domain_event', 'user', $12, 'flotilla.agent.v1.ExecutionFinished', 'executions', $1::uuid::text, 'success',
      $15, $16, 1, $17, $18)
  )
  insert into outbox (id, tenant_id, topic, aggregate, aggregate_id, event_seq, type, payload, traceparent, actor_type, actor_id)
  values ($9, $2, 'flotilla.agent.v1', 'executions', $1, 2, 'flotilla.agent.v1.ExecutionFinished', $10, $11, 'user', $12)`;

/** The most that a call may use, as the service reckons it: the bytes of the prompt, and an answer without a limit. */
const reservedTokens = 4_192;

/** Makes the agent that is asked, and a budget for its tenant. */
export async function insertAgent(database: BenchDatabase, tenantId: string): Promise<string> {
  const id = randomUUID();
  const agent = [id, tenantId, 'openai-compatible', 'scripted', 'You answer in one sentence.'];
  await database.query(
    `insert into agents (id, tenant_id, name, slug, provider, model, system_prompt, created_by)
     values ($1, $2, 'Bare', 'bare', $3, $4, $5, 'bench')`,
    agent,
  );
  await database.query(
    `insert into agent_versions (id, tenant_id, agent_id, version, content_hash, provider, model, parameters, system_prompt)
     values ($1, $2, $1, 1, repeat('0', 64), $3, $4, '{}', $5)`,
    agent,
  );
  const budget = [randomUUID(), tenantId, '1000000000000000'];
  await database.query(
    `insert into budgets (id, tenant_id, level, period, limit_tokens, warn_percent, created_by)
     values ($1, $2, 'tenant', 'total', $3, 80, 'bench')`,
    budget,
  );
  await database.query(
    `insert into budget_periods (id, tenant_id, budget_id, subject_id, period_start)
     values (gen_random_uuid(), $2, $1, '00000000-0000-0000-0000-000000000000', '2000-01-01')`,
    budget.slice(0, 2),
  );
  return id;
}

export async function findAgent(pool: Pool, id: string, tenantId: string): Promise<AgentRow> {
  const { rows } = await pool.query<AgentRow>({ name: 'find', text: find, values: [id, tenantId] });
  const [agent] = rows;
  if (agent === undefined) throw new Error(`there is no agent ${id}`);
  return agent;
}

/** Writes the execution, its attempt, its news, its event and its line of the audit log: one transaction, committed before the model is asked. */
export async function startExecution(
  pool: Pool,
  agent: AgentRow,
  { prompt, userId }: { readonly prompt: string; readonly userId: string },
): Promise<Started> {
  const startedAt = new Date();
  const id = newId();
  const { id: agentId, version: agentVersion, tenant_id: tenantId, period_id: periodId } = agent;
  const execution = { id, agentId, agentVersion, status: ExecutionStatus.RUNNING, createdBy: userId };
  const payload = toBinary(ExecutionStartedSchema, create(ExecutionStartedSchema, { execution }));
  const deadlineAt = new Date(startedAt.getTime() + 120_000);
  const eventId = newId();
  const trace = traceparent();
  const { rowCount } = await pool.query({
    name: 'begin',
    text: begin,
    values: [
      ...[id, tenantId, agentId, agentVersion, prompt, userId, startedAt, deadlineAt, process, newId()],
      ...[agent.provider, agent.model, eventId, Buffer.from(payload), trace],
      ...[reservedTokens, periodId, agent.limit_tokens],
      ...sealed({ id: eventId, tenantId, userId, trace, occurredAt: startedAt, type: 'ExecutionStarted', execution }),
    ],
  });
  if (rowCount !== 1) throw new Error('the budget is used up');
  return { id, agentId, agentVersion, tenantId, periodId, prompt, createdBy: userId, startedAt };
}

/** Settles all of it: the second transaction. */
export async function finishExecution(
  pool: Pool,
  started: Started,
  { text, ...tokens }: ModelAnswer,
): Promise<Finished> {
  const completedAt = new Date();
  const { id, agentId, agentVersion, tenantId, createdBy: userId } = started;
  const totalTokens = tokens.promptTokens + tokens.completionTokens;
  const execution = { id, agentId, agentVersion, status: ExecutionStatus.COMPLETED, totalTokens, createdBy: userId };
  const payload = toBinary(ExecutionFinishedSchema, create(ExecutionFinishedSchema, { execution }));
  const latencyMs = completedAt.getTime() - started.startedAt.getTime();
  const eventId = newId();
  const trace = traceparent();
  await pool.query({
    name: 'finish',
    text: finish,
    values: [
      ...[id, tenantId, text, tokens.promptTokens, tokens.completionTokens, latencyMs, completedAt, process],
      ...[eventId, Buffer.from(payload), trace, userId, reservedTokens, started.periodId],
      ...sealed({
        id: eventId,
        tenantId,
        userId,
        trace,
        occurredAt: completedAt,
        type: 'ExecutionFinished',
        execution,
      }),
    ],
  });
  return { ...started, ...tokens, response: text, completedAt };
}

/** The columns of the audit log that are made from others: metadata, trace, canonical bytes and their hash. */
function sealed({ trace, type, execution, ...event }: AuditLine): readonly unknown[] {
  const metadata = { topic: 'flotilla.agent.v1', event: { execution } };
  const traceId = trace.slice(3, 35);
  const canonical = Buffer.from(JSON.stringify({ canon: 1, ...event, type, metadata, traceId }));
  const checksum = createHash('sha256').update(canonical).digest('hex');
  return [JSON.stringify(metadata), traceId, canonical, checksum];
}

interface AuditLine {
  readonly id: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly trace: string;
  readonly occurredAt: Date;
  readonly type: string;
  readonly execution: object;
}

function traceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}
