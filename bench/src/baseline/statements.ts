import { randomBytes, randomUUID } from 'node:crypto';
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
}

interface Started {
  readonly id: string;
  readonly agentId: string;
  readonly agentVersion: number;
  readonly tenantId: string;
  readonly prompt: string;
  readonly createdBy: string;
  readonly startedAt: Date;
}

export interface Finished extends Started, Omit<ModelAnswer, 'text'> {
  readonly response: string;
  readonly completedAt: Date;
}

const actor = randomUUID();
const process = `bare-${randomUUID()}`;

// Every statement is prepared under a name and is a transaction by itself: one round trip each.
const find = `select id, tenant_id, provider, model, system_prompt, version from agents where id = $1 and deleted_at is null`;

const begin = `
  with execution as (
    insert into executions (id, tenant_id, agent_id, agent_version, content_hash, status, prompt, attempts, created_by, created_at, started_at,
      deadline_at, lease_owner, lease_expires_at, event_seq)
    values ($1, $2, $3, $4, repeat('0', 64), 'running', $5, 1, $6, $7, $7, $8, $9, now() + interval '15 s', 1)
  ), attempt as (
    insert into provider_attempts (id, tenant_id, execution_id, attempt, agent_id, user_id, provider, model, status, started_at)
    values ($10, $2, $1, 1, $3, $6::text::uuid, $11, $12, 'started', $7)
  ), news as (
    insert into execution_updates (tenant_id, execution_id, cursor, kind) values ($2, $1, 1, 'started')
  )
  insert into outbox (id, tenant_id, topic, aggregate, aggregate_id, event_seq, type, payload, traceparent, actor_type, actor_id)
  values ($13, $2, 'flotilla.agent.v1', 'executions', $1, 1, 'flotilla.agent.v1.ExecutionStarted', $14, $15, 'user', $6)`;

const finish = `
  with execution as (
    update executions set status = 'completed', response = $3, prompt_tokens = $4, completion_tokens = $5, latency_ms = $6,
      completed_at = $7, last_cursor = 2, event_seq = 2
    where id = $1 and lease_owner = $8 and status in ('pending', 'running')
  ), attempt as (
    update provider_attempts set status = 'succeeded', prompt_tokens = $4, completion_tokens = $5, completed_at = $7
    where execution_id = $1 and attempt = 1 and status = 'started'
  ), news as (
    insert into execution_updates (tenant_id, execution_id, cursor, kind) values ($2, $1, 2, 'finished')
  )
  insert into outbox (id, tenant_id, topic, aggregate, aggregate_id, event_seq, type, payload, traceparent, actor_type, actor_id)
  values ($9, $2, 'flotilla.agent.v1', 'executions', $1, 2, 'flotilla.agent.v1.ExecutionFinished', $10, $11, 'user', $12)`;

/** Makes the agent that is asked. */
export async function insertAgent(database: BenchDatabase): Promise<string> {
  const id = randomUUID();
  const agent = [id, randomUUID(), 'openai-compatible', 'scripted', 'You answer in one sentence.'];
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
  return id;
}

export async function findAgent(pool: Pool, id: string): Promise<AgentRow> {
  const { rows } = await pool.query<AgentRow>({ name: 'find', text: find, values: [id] });
  const [agent] = rows;
  if (agent === undefined) throw new Error(`there is no agent ${id}`);
  return agent;
}

/** Writes the execution, its attempt, its news and its event: one transaction, committed before the model is asked. */
export async function startExecution(pool: Pool, agent: AgentRow, prompt: string): Promise<Started> {
  const startedAt = new Date();
  const id = newId();
  const { id: agentId, version: agentVersion, tenant_id: tenantId } = agent;
  const execution = { id, agentId, agentVersion, status: ExecutionStatus.RUNNING, createdBy: actor };
  const payload = toBinary(ExecutionStartedSchema, create(ExecutionStartedSchema, { execution }));
  const values = [
    id,
    tenantId,
    agentId,
    agentVersion,
    prompt,
    actor,
    startedAt,
    new Date(startedAt.getTime() + 120_000),
  ];
  const more = [process, newId(), agent.provider, agent.model, newId(), Buffer.from(payload), traceparent()];
  await pool.query({ name: 'begin', text: begin, values: [...values, ...more] });
  return { id, agentId, agentVersion, tenantId, prompt, createdBy: actor, startedAt };
}

/** Settles all of it: the second transaction. */
export async function finishExecution(
  pool: Pool,
  started: Started,
  { text, ...tokens }: ModelAnswer,
): Promise<Finished> {
  const completedAt = new Date();
  const { id, agentId, agentVersion, tenantId } = started;
  const totalTokens = tokens.promptTokens + tokens.completionTokens;
  const execution = { id, agentId, agentVersion, status: ExecutionStatus.COMPLETED, totalTokens, createdBy: actor };
  const payload = toBinary(ExecutionFinishedSchema, create(ExecutionFinishedSchema, { execution }));
  const latencyMs = completedAt.getTime() - started.startedAt.getTime();
  const values = [id, tenantId, text, tokens.promptTokens, tokens.completionTokens, latencyMs, completedAt, process];
  await pool.query({
    name: 'finish',
    text: finish,
    values: [...values, newId(), Buffer.from(payload), traceparent(), actor],
  });
  return { ...started, ...tokens, response: text, completedAt };
}

function traceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}
