import { fromJson, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate, ValueSchema } from '@bufbuild/protobuf/wkt';
import {
  CompensationAttention,
  type CompensationSchema,
  CompensationStatus,
  type TaskSchema,
  TaskStatus,
} from '@flotilla/contracts/workflow';
import type { Compensation } from '../db/compensation-repository.ts';
import type { Task } from '../db/task-repository.ts';

const statuses: Record<Task['status'], TaskStatus> = {
  pending: TaskStatus.PENDING,
  running: TaskStatus.RUNNING,
  completed: TaskStatus.COMPLETED,
  failed: TaskStatus.FAILED,
  skipped: TaskStatus.SKIPPED,
};

const compensationStatuses: Record<Compensation['status'], CompensationStatus> = {
  pending: CompensationStatus.PENDING,
  executing: CompensationStatus.EXECUTING,
  completed: CompensationStatus.COMPLETED,
  failed: CompensationStatus.FAILED,
};

function toAttention(attention: Compensation['attention']): CompensationAttention {
  if (attention === undefined) return CompensationAttention.UNSPECIFIED;
  return attention === 'stuck' ? CompensationAttention.STUCK : CompensationAttention.UNRESOLVED;
}

export function fromAttention(attention: CompensationAttention): Compensation['attention'] {
  if (attention === CompensationAttention.STUCK) return 'stuck';
  return attention === CompensationAttention.UNRESOLVED ? 'unresolved' : undefined;
}

export function toTaskMessage(task: Task, agentName: string): MessageInitShape<typeof TaskSchema> {
  return {
    id: task.id,
    instanceId: task.instanceId,
    path: task.path,
    stepId: task.stepId,
    stepKind: task.stepKind,
    visit: task.visit,
    status: statuses[task.status],
    ...(task.input === null ? {} : { input: fromJson(ValueSchema, task.input) }),
    ...(task.output === null ? {} : { output: fromJson(ValueSchema, task.output) }),
    inputOmitted: task.inputAt !== undefined,
    outputOmitted: task.outputAt !== undefined,
    errorReason: task.errorReason,
    errorMessage: task.errorMessage,
    attempts: task.attempts,
    ...(task.startedAt === undefined ? {} : { startTime: timestampFromDate(task.startedAt) }),
    ...(task.completedAt === undefined ? {} : { completeTime: timestampFromDate(task.completedAt) }),
    ...(task.durationMs === undefined ? {} : { duration: durationFromMs(task.durationMs) }),
    effectKey: task.effectKey,
    agentName,
  };
}

export function toCompensationMessage(compensation: Compensation): MessageInitShape<typeof CompensationSchema> {
  return {
    id: compensation.id,
    instanceId: compensation.instanceId,
    path: compensation.path,
    stepId: compensation.stepId,
    visit: compensation.visit,
    status: compensationStatuses[compensation.status],
    attempts: compensation.attempts,
    errorReason: compensation.errorReason,
    errorMessage: compensation.errorMessage,
    ...(compensation.startedAt === undefined ? {} : { startTime: timestampFromDate(compensation.startedAt) }),
    ...(compensation.completedAt === undefined ? {} : { completeTime: timestampFromDate(compensation.completedAt) }),
    effectKey: compensation.effectKey,
    attention: toAttention(compensation.attention),
    assigneeId: compensation.assigneeId,
    note: compensation.note,
    ...(compensation.resolution === undefined
      ? {}
      : {
          resolutionReason: compensation.resolution.reason,
          resolvedBy: compensation.resolution.resolvedBy,
          resolveTime: timestampFromDate(compensation.resolution.at),
        }),
  };
}
