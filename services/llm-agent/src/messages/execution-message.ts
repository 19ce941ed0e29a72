import { fromJson, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampDate, timestampFromDate, ValueSchema } from '@bufbuild/protobuf/wkt';
import {
  type ExecutionSchema,
  ExecutionStatus as ExecutionStatusMessage,
  type ExecutionSummarySchema,
  type ExecutionUpdateSchema,
  type ListExecutionsRequest,
  type ProviderAttemptSchema,
  ProviderAttemptStatus,
} from '@flotilla/contracts/agent';
import type { ExecutionFilter } from '../db/execution-repository.ts';
import type { Execution, ExecutionStatus, ProviderAttempt } from '../domain/execution.ts';
import type { FollowedNews } from '../execution/follow-execution.ts';
import { toInputPartMessage } from './input-message.ts';

const statusMessages: Record<ExecutionStatus, ExecutionStatusMessage> = {
  pending: ExecutionStatusMessage.PENDING,
  running: ExecutionStatusMessage.RUNNING,
  completed: ExecutionStatusMessage.COMPLETED,
  failed: ExecutionStatusMessage.FAILED,
  cancelled: ExecutionStatusMessage.CANCELLED,
  timeout: ExecutionStatusMessage.TIMEOUT,
  budget_exceeded: ExecutionStatusMessage.BUDGET_EXCEEDED,
};

const attemptStatusMessages: Record<ProviderAttempt['status'], ProviderAttemptStatus> = {
  started: ProviderAttemptStatus.STARTED,
  succeeded: ProviderAttemptStatus.SUCCEEDED,
  failed: ProviderAttemptStatus.FAILED,
  unknown: ProviderAttemptStatus.UNKNOWN,
};

export function toExecutionMessage(execution: Execution): MessageInitShape<typeof ExecutionSchema> {
  return {
    id: execution.id,
    agentId: execution.agentId,
    agentVersion: execution.agentVersion,
    contentHash: execution.contentHash,
    splitId: execution.splitId ?? '',
    conversationId: execution.conversationId ?? '',
    replayOfId: execution.replay?.ofId ?? '',
    replayRecorded: execution.replay?.recorded ?? false,
    replaySwapped: execution.replay?.swapped ?? '',
    status: statusMessages[execution.status],
    prompt: execution.prompt,
    parts: execution.parts.map(toInputPartMessage),
    response: execution.response,
    ...(execution.output === undefined ? {} : { output: fromJson(ValueSchema, execution.output) }),
    promptTokens: execution.promptTokens,
    completionTokens: execution.completionTokens,
    totalTokens: execution.promptTokens + execution.completionTokens,
    ...(execution.latencyMs === undefined ? {} : { latency: durationFromMs(execution.latencyMs) }),
    costUsd: execution.costUsd ?? '',
    errorReason: execution.errorReason,
    errorMessage: execution.errorMessage,
    attempts: execution.attempts,
    hops: execution.hops.map(({ from, to, reason }) => ({ from: { ...from }, to: { ...to }, reason })),
    cached: execution.cached,
    createdBy: execution.createdBy,
    createTime: timestampFromDate(execution.createdAt),
    ...(execution.startedAt === undefined ? {} : { startTime: timestampFromDate(execution.startedAt) }),
    ...(execution.completedAt === undefined ? {} : { completeTime: timestampFromDate(execution.completedAt) }),
  };
}

/** The execution for topics: ids and numbers, no texts. */
export function toExecutionSummary(execution: Execution): MessageInitShape<typeof ExecutionSummarySchema> {
  return {
    id: execution.id,
    agentId: execution.agentId,
    agentVersion: execution.agentVersion,
    status: statusMessages[execution.status],
    totalTokens: execution.promptTokens + execution.completionTokens,
    ...(execution.latencyMs === undefined ? {} : { latency: durationFromMs(execution.latencyMs) }),
    costUsd: execution.costUsd ?? '',
    errorReason: execution.errorReason,
    createdBy: execution.createdBy,
  };
}

/** As it was when it began, however it stands now: a stream that is played again must not seem to be at its end. */
function asStarted(execution: Execution): Execution {
  return {
    ...execution,
    status: 'running',
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
    completedAt: undefined,
  };
}

function toExecutionUpdate(
  cursor: number,
  update: NonNullable<MessageInitShape<typeof ExecutionUpdateSchema>['update']>,
): MessageInitShape<typeof ExecutionUpdateSchema> {
  return { cursor: BigInt(cursor), update };
}

/** What a follower is told. */
export function toFollowedUpdate(news: FollowedNews) {
  switch (news.kind) {
    case 'text':
      return toExecutionUpdate(news.cursor, { case: 'textDelta', value: news.text });
    case 'restarted': {
      const { attempt, reason } = news;
      return toExecutionUpdate(news.cursor, { case: 'restarted', value: { attempt, reason } });
    }
    case 'started':
      return toExecutionUpdate(news.cursor, {
        case: 'execution',
        value: toExecutionMessage(asStarted(news.execution)),
      });
    case 'finished':
      return toExecutionUpdate(news.cursor, { case: 'execution', value: toExecutionMessage(news.execution) });
  }
}

export function toAttemptMessage(attempt: ProviderAttempt): MessageInitShape<typeof ProviderAttemptSchema> {
  return {
    id: attempt.id,
    executionId: attempt.executionId,
    attempt: attempt.attempt,
    provider: attempt.provider,
    model: attempt.model,
    status: attemptStatusMessages[attempt.status],
    promptTokens: attempt.promptTokens,
    completionTokens: attempt.completionTokens,
    costUsd: attempt.costUsd ?? '',
    errorReason: attempt.errorReason,
    because: attempt.because,
    cached: attempt.cached,
    startTime: timestampFromDate(attempt.startedAt),
    agentId: attempt.agentId ?? '',
    userId: attempt.userId ?? '',
    cachedPromptTokens: attempt.cachedPromptTokens,
    usageEstimated: attempt.usageEstimated,
    ...(attempt.price && { price: attempt.price }),
    ...(attempt.completedAt === undefined ? {} : { completeTime: timestampFromDate(attempt.completedAt) }),
  };
}

export function toExecutionStatusMessage(status: ExecutionStatus): ExecutionStatusMessage {
  return statusMessages[status];
}

export function toExecutionFilter(request: ListExecutionsRequest): ExecutionFilter {
  const { agentId, conversationId, replayOfId, createdBy, createdFrom, createdBefore } = request;
  return {
    ...{ agentId, conversationId, replayOfId, createdBy },
    status: toExecutionStatus(request.status),
    createdFrom: createdFrom && timestampDate(createdFrom),
    createdBefore: createdBefore && timestampDate(createdBefore),
  };
}

/** Undefined for "unspecified". */
function toExecutionStatus(message: ExecutionStatusMessage): ExecutionStatus | undefined {
  return (Object.keys(statusMessages) as ExecutionStatus[]).find((status) => statusMessages[status] === message);
}
