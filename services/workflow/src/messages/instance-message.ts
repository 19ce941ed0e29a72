import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  CompensationState,
  type InstanceSchema,
  InstanceStatus,
  type InstanceSummarySchema,
  type ListInstancesRequest,
} from '@flotilla/contracts/workflow';
import { traceIdOf } from '@flotilla/observability';
import type { Instance, InstanceFilter } from '../db/instance-repository.ts';
import type { CompensationState as Compensation, InstanceStatus as Status } from '../domain/run-state.ts';

const statuses: Record<Status, InstanceStatus> = {
  pending: InstanceStatus.PENDING,
  running: InstanceStatus.RUNNING,
  paused: InstanceStatus.PAUSED,
  completed: InstanceStatus.COMPLETED,
  failed: InstanceStatus.FAILED,
  cancelled: InstanceStatus.CANCELLED,
  timeout: InstanceStatus.TIMEOUT,
};

const compensations: Record<Compensation, CompensationState> = {
  none: CompensationState.NONE,
  running: CompensationState.RUNNING,
  complete: CompensationState.COMPLETE,
  stuck: CompensationState.STUCK,
};

export function toInstanceMessage(instance: Instance): MessageInitShape<typeof InstanceSchema> {
  return {
    id: instance.id,
    workflowId: instance.workflowId,
    workflowVersion: instance.workflowVersion,
    status: statuses[instance.status],
    compensation: compensations[instance.compensation],
    input: instance.input,
    ...(instance.output === undefined ? {} : { output: instance.output }),
    ...(instance.context === undefined ? {} : { context: instance.context }),
    stepsDone: instance.stepsDone,
    stepsTotal: instance.stepsTotal,
    currentSteps: [...instance.currentSteps],
    errorReason: instance.error?.reason ?? '',
    errorMessage: instance.error?.message ?? '',
    errorStep: instance.error?.path ?? '',
    traceId: traceIdOf(instance.traceparent),
    createdBy: instance.createdBy,
    createTime: timestampFromDate(instance.createdAt),
    ...(instance.startedAt === undefined ? {} : { startTime: timestampFromDate(new Date(instance.startedAt)) }),
    ...(instance.completedAt === undefined ? {} : { completeTime: timestampFromDate(new Date(instance.completedAt)) }),
    etag: String(instance.revision),
    tags: [...instance.tags],
    parentInstanceId: instance.parent?.instanceId ?? '',
    parentPath: instance.parent?.path ?? '',
  };
}

/** A run without its texts: what events carry. */
export function toInstanceSummary(instance: Instance): MessageInitShape<typeof InstanceSummarySchema> {
  return {
    id: instance.id,
    workflowId: instance.workflowId,
    workflowSlug: instance.workflowSlug,
    workflowVersion: instance.workflowVersion,
    status: statuses[instance.status],
    compensation: compensations[instance.compensation],
    errorReason: instance.error?.reason ?? '',
    errorStep: instance.error?.path ?? '',
    createdBy: instance.createdBy,
  };
}

export function fromListRequest(request: ListInstancesRequest): InstanceFilter {
  const { workflowId, status, createdFrom, createdBefore, tag, createdBy, parentInstanceId } = request;
  return {
    workflowId,
    tag,
    createdBy,
    parentInstanceId,
    status: fromInstanceStatus(status),
    createdFrom: createdFrom && timestampDate(createdFrom),
    createdBefore: createdBefore && timestampDate(createdBefore),
  };
}

/** Undefined stands for unspecified: any. */
function fromInstanceStatus(status: InstanceStatus): Status | undefined {
  return (Object.keys(statuses) as Status[]).find((name) => statuses[name] === status);
}
