import { after, type Cursor, type ReadTx, type Selectable, sql } from '@flotilla/postgres';
import type { JobOwner, JobStatus } from '../domain/job.ts';
import type { JsonObject } from '../domain/json.ts';
import { rareAmong } from './instance-repository.ts';
import type { Schema, WorkflowInstances } from './schema.ts';

/** A run as a job shows it. */
export interface Job extends JobOwner {
  readonly id: string;
  readonly name: string;
  readonly currentSteps: readonly string[];
  readonly result: JsonObject | undefined;
  readonly errorReason: string;
  readonly errorMessage: string;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly startedAt: Date | undefined;
}

const columns = [
  'id',
  'workflow_slug',
  'status',
  'steps_done',
  'steps_total',
  'current_steps',
  'output',
  'error_reason',
  'error_message',
  'created_by',
  'created_at',
  'started_at',
  'completed_at',
] as const;

/** One row by the primary key. */
export async function findJob(tx: ReadTx<Schema>, id: string): Promise<Job | undefined> {
  const row = await tx.selectFrom('workflow_instances').select(columns).where('id', '=', id).executeTakeFirst();
  return row && toJob(row);
}

/** The statuses of runs that make a job's. */
const statusesOf: Record<JobStatus, readonly Job['status'][]> = {
  pending: ['pending'],
  running: ['running'],
  paused: ['paused'],
  undoing: ['failed', 'cancelled', 'timeout'],
  completed: ['completed'],
  failed: ['failed', 'timeout'],
  cancelled: ['cancelled'],
};

/** The newest first; runs that a step of another run started are part of that one's job. Uses the unique key, or the index workflow_instances_by_starter. */
export async function listJobs(
  tx: ReadTx<Schema>,
  filter: { status: JobStatus | undefined; createdBy: string; cursor: Cursor | undefined; limit: number },
): Promise<Job[]> {
  const { status, createdBy, cursor, limit } = filter;
  let query = tx
    .selectFrom('workflow_instances')
    .select(columns)
    .where('parent_instance_id', 'is', null)
    .where(after<Schema, 'workflow_instances'>('desc', cursor));
  if (createdBy !== '') query = query.where('created_by', '=', createdBy);
  if (status !== undefined) {
    query = query
      .where('status', 'in', [...statusesOf[status]])
      .where(rareAmong(statusesOf[status]))
      .where(sql<boolean>`(completed_at is not null) = ${['completed', 'failed', 'cancelled'].includes(status)}`);
  }
  return (await query.orderBy('id', 'desc').limit(limit).execute()).map(toJob);
}

function toJob(row: Pick<Selectable<WorkflowInstances>, (typeof columns)[number]>): Job {
  return {
    id: row.id,
    name: row.workflow_slug,
    status: row.status,
    stepsDone: row.steps_done,
    stepsTotal: row.steps_total,
    currentSteps: row.current_steps,
    result: row.output === null ? undefined : (row.output as JsonObject),
    errorReason: row.error_reason ?? '',
    errorMessage: row.error_message ?? '',
    createdBy: row.created_by,
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    completedAt: row.completed_at ?? undefined,
  };
}
