import { ExecutionStartedSchema } from '@flotilla/contracts/agent';
import { AppError } from '@flotilla/errors';
import type { TransactionScope, Tx } from '@flotilla/postgres';
import { findAgentVersion } from '../db/agent-repository.ts';
import { type OpenedAttempt, openAttempt } from '../db/attempt-repository.ts';
import type { Lease } from '../db/execution-repository.ts';
import { insertExecution } from '../db/execution-writes.ts';
import type { KnownAgents } from '../db/known-agents.ts';
import type { Schema } from '../db/schema.ts';
import { type AgentContent, checkRunnable, contentHash } from '../domain/agent.ts';
import type { Execution } from '../domain/execution.ts';
import { type GivenInput, noInput } from '../domain/input.ts';
import type { Said } from '../domain/message.ts';
import { agentNotFound, agentVersionNotFound } from '../domain/not-found.ts';
import { type Replay, recordedProviderName } from '../domain/replay.ts';
import { nothing, reservationFor } from '../domain/reservation.ts';
import type { AgentRouting, Route } from '../domain/routing.ts';
import { versionOf } from '../domain/split.ts';
import { toExecutionSummary } from '../messages/execution-message.ts';
import type { ModelProvider } from '../providers/model-provider.ts';
import type { ToolPort } from '../tools/tool-port.ts';
import { keepInput } from './keep-input.ts';

/** What starting executions needs from outside. Times in milliseconds. */
export interface ExecutionStart {
  readonly agents: KnownAgents;
  readonly lease: Lease;
  readonly defaultTimeoutMs: number;
  readonly defaultMaxAttempts: number;
  readonly defaultMaxIterations: number;
  /** Tokens of an answer, where the agent sets no limit and a budget wants one. */
  readonly defaultMaxTokens: number;
  /** Bytes of all files that a tenant may have. */
  readonly maxStoredInputBytes: number;
  readonly now: () => Date;
  readonly newId: () => string;
}

/** An execution that is written down and whose first call at the provider may begin. */
export interface Task {
  readonly scope: TransactionScope;
  readonly execution: Execution;
  readonly content: AgentContent;
  /** What the model is told before the prompt. */
  readonly context: readonly Said[];
  /** Rounds of tool calls at most. */
  readonly maxIterations: number;
  /** Of a replay: what answers in place of the provider and of the tools, and whom each call went to then. */
  readonly recorded?: {
    readonly provider: ModelProvider;
    readonly tools: ToolPort;
    readonly routes: readonly [Route, ...Route[]];
  };
  readonly deadlineAt: Date;
  readonly maxAttempts: number;
  readonly routing: AgentRouting;
  /** Of the first call. */
  readonly route: Route;
  /** Of the first call; known once the transaction is through. */
  readonly opened: Promise<OpenedAttempt>;
  /** The cursor of what followers have been told so far. */
  readonly cursor: number;
}

export interface StartWish {
  readonly agentId: string;
  readonly agentVersion: number;
  readonly prompt: string;
  readonly input?: GivenInput;
  readonly splitKey: string;
  /** Of a turn: the conversation, and the window of it that goes along. */
  readonly conversationId?: string;
  readonly context?: readonly Said[];
  readonly replay?: Replay;
}

/** Writes the execution, its first line of the ledger and its first news, in one transaction: then the provider may be asked. */
export async function startExecution(start: ExecutionStart, tx: Tx<Schema>, wish: StartWish): Promise<Task> {
  const { agents, lease, defaultMaxTokens, now, newId } = start;
  const found = await agents.find(tx, wish.agentId);
  if (found === undefined) throw agentNotFound();
  const { agent } = found;
  checkRunnable(agent);
  const id = newId();
  const split = wish.agentVersion === 0 ? agent.split : undefined;
  const version = split ? versionOf(split, wish.splitKey || id) : wish.agentVersion || agent.version;
  const known = version === agent.version ? agent : await findAgentVersion(tx, agent.id, version);
  if (known === undefined) throw agentVersionNotFound();
  const isAsKnown = known === agent && wish.replay?.content === undefined;
  const content = isAsKnown ? agent : { ...known, ...wish.replay?.content };

  const { context = [], input = noInput } = wish;
  const at = now();
  const deadlineAt = new Date(at.getTime() + (agent.limits.timeoutMs ?? start.defaultTimeoutMs));
  const execution: Execution = {
    id,
    agentId: agent.id,
    agentVersion: version,
    contentHash: isAsKnown ? found.contentHash : contentHash(content),
    splitId: split?.id,
    status: 'running',
    conversationId: wish.conversationId,
    replay: wish.replay,
    prompt: wish.prompt,
    parts: input.parts,
    response: '',
    output: undefined,
    promptTokens: 0,
    completionTokens: 0,
    latencyMs: undefined,
    costUsd: undefined,
    errorReason: '',
    errorMessage: '',
    attempts: 1,
    hops: [],
    cached: false,
    createdBy: tx.scope.actor.id,
    createdAt: at,
    startedAt: at,
    completedAt: undefined,
  };
  const { maxStoredInputBytes: maxStoredBytes } = start;
  await keepInput(tx, wish.conversationId ?? id, input, { context, maxStoredBytes, now: at });
  insertExecution(tx, execution, {
    lease,
    deadlineAt,
    context,
    agentRevision: agent.revision,
    event: { schema: ExecutionStartedSchema, message: { execution: toExecutionSummary(execution) }, id },
    agentChanged() {
      agents.forget(tx, agent.id);
      // Then the transaction runs again, and reads the agent as it is now.
      return new AppError('aborted', 'TRANSACTION_CONFLICT', 'The agent was changed at this moment. Try again.');
    },
  });
  const { model, systemPrompt } = content;
  const provider = wish.replay?.recorded ? recordedProviderName : content.provider;
  const messages = [{ content: systemPrompt }, ...context, { content: wish.prompt, parts: input.parts }];
  const reservation = wish.replay?.recorded
    ? nothing
    : reservationFor({ ...content, messages, tools: [] }, defaultMaxTokens);
  const first = { id: newId(), executionId: id, agentId: agent.id, attempt: 1, provider, model, startedAt: at };
  const opened = openAttempt(tx, { ...first, reservation });
  const maxAttempts = agent.limits.maxAttempts ?? start.defaultMaxAttempts;
  const maxIterations = agent.limits.maxIterations ?? start.defaultMaxIterations;
  const { routing } = agent;
  return {
    scope: tx.scope,
    execution,
    content,
    context,
    deadlineAt,
    maxAttempts,
    maxIterations,
    routing,
    route: { provider, model },
    opened,
    cursor: 1,
  };
}
