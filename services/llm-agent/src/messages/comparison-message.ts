import { fromJson, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, ValueSchema } from '@bufbuild/protobuf/wkt';
import type { ExecutionComparisonSchema, ExecutionOutcomeSchema } from '@flotilla/contracts/agent';
import type { Comparison } from '../domain/comparison.ts';
import type { Execution } from '../domain/execution.ts';
import type { JsonChange } from '../domain/json-diff.ts';
import { toExecutionStatusMessage } from './execution-message.ts';

export function toComparisonMessage(comparison: Comparison): MessageInitShape<typeof ExecutionComparisonSchema> {
  const { before, after, inputs, answers, sameStatus, sameAnswer } = comparison;
  return {
    before: toOutcome(before),
    after: toOutcome(after),
    inputs: inputs.map(toChange),
    answers: answers.map(toChange),
    sameStatus,
    sameAnswer,
  };
}

function toOutcome(execution: Execution): MessageInitShape<typeof ExecutionOutcomeSchema> {
  return {
    executionId: execution.id,
    status: toExecutionStatusMessage(execution.status),
    errorReason: execution.errorReason,
    totalTokens: execution.promptTokens + execution.completionTokens,
    costUsd: execution.costUsd ?? '',
    ...(execution.latencyMs === undefined ? {} : { latency: durationFromMs(execution.latencyMs) }),
    attempts: execution.attempts,
  };
}

function toChange({ pointer, before, after }: JsonChange) {
  return {
    pointer,
    ...(before === undefined ? {} : { before: fromJson(ValueSchema, before) }),
    ...(after === undefined ? {} : { after: fromJson(ValueSchema, after) }),
  };
}
