import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { JobKind, type JobSchema, JobStatus } from '@flotilla/contracts/workflow';
import type { Job } from '../db/job-repository.ts';
import { fractionOf, jobStatusOf, type JobStatus as Status } from '../domain/job.ts';

const statuses: Record<Status, JobStatus> = {
  pending: JobStatus.PENDING,
  running: JobStatus.RUNNING,
  paused: JobStatus.PAUSED,
  undoing: JobStatus.UNDOING,
  completed: JobStatus.COMPLETED,
  failed: JobStatus.FAILED,
  cancelled: JobStatus.CANCELLED,
};

export function toJobMessage(job: Job): MessageInitShape<typeof JobSchema> {
  return {
    id: job.id,
    kind: JobKind.WORKFLOW_RUN,
    name: job.name,
    status: statuses[jobStatusOf(job)],
    progress: {
      done: job.stepsDone,
      total: job.stepsTotal,
      fraction: fractionOf(job),
      current: [...job.currentSteps],
    },
    ...(job.result === undefined ? {} : { result: job.result }),
    errorReason: job.errorReason,
    errorMessage: job.errorMessage,
    createdBy: job.createdBy,
    createTime: timestampFromDate(job.createdAt),
    ...(job.startedAt === undefined ? {} : { startTime: timestampFromDate(job.startedAt) }),
    ...(job.completedAt === undefined ? {} : { completeTime: timestampFromDate(job.completedAt) }),
  };
}

/** Undefined stands for unspecified: any. */
export function fromJobStatus(status: JobStatus): Status | undefined {
  return (Object.keys(statuses) as Status[]).find((name) => statuses[name] === status);
}
