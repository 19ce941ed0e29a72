import type { InstanceStatus } from './run-state.ts';

export type JobStatus = 'pending' | 'running' | 'paused' | 'undoing' | 'completed' | 'failed' | 'cancelled';

/** What of a run its job is derived from. */
export interface JobOwner {
  readonly status: InstanceStatus;
  readonly stepsDone: number;
  readonly stepsTotal: number;
  readonly completedAt: Date | undefined;
}

/** A run that has failed is undone before it has ended. */
export function jobStatusOf({ status, completedAt }: Pick<JobOwner, 'status' | 'completedAt'>): JobStatus {
  if (status !== 'failed' && status !== 'cancelled' && status !== 'timeout') return status;
  if (completedAt === undefined) return 'undoing';
  return status === 'cancelled' ? 'cancelled' : 'failed';
}

/** From 0 to 1. */
export function fractionOf({ status, stepsDone, stepsTotal }: JobOwner): number {
  return status === 'completed' ? 1 : Math.min(1, stepsDone / Math.max(1, stepsTotal));
}
