import { after, type Cursor, type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { JsonObject } from '../domain/json.ts';
import type { Schedule, ScheduleStatus } from '../domain/schedule.ts';
import { sourceColumns, toSource } from './firing-source-columns.ts';
import { toColumn } from './json-column.ts';
import type { Schema, WorkflowSchedules } from './schema.ts';

const columns = [
  ...sourceColumns,
  'cron_expression',
  'interval_seconds',
  'timezone',
  'status',
  'overlap_policy',
  'max_concurrent_executions',
  'catchup_window_seconds',
  'default_input',
  'next_run_at',
  'last_run_at',
  'run_count',
  'missed_count',
  'sync_error',
] as const;

export async function insertSchedule(tx: Tx<Schema>, schedule: Schedule): Promise<void> {
  await tx
    .insertInto('workflow_schedules')
    .values({
      id: schedule.id,
      tenant_id: tx.scope.tenantId,
      workflow_id: schedule.workflowId,
      created_by: schedule.createdBy,
      created_at: schedule.createdAt,
      updated_at: schedule.updatedAt,
      ...wishOf(schedule),
    })
    .execute();
}

export async function findSchedule(tx: ReadTx<Schema>, id: string): Promise<Schedule | undefined> {
  const row = await byId(tx, id).where('deleted_at', 'is', null).executeTakeFirst();
  return row && toSchedule(row);
}

/** Also one that was removed: Temporal may have to be told. */
export async function findScheduleEverKnown(tx: ReadTx<Schema>, id: string): Promise<Schedule | undefined> {
  const row = await byId(tx, id).executeTakeFirst();
  return row && toSchedule(row);
}

export async function lockSchedule(tx: Tx<Schema>, id: string): Promise<Schedule | undefined> {
  const row = await byId(tx, id).where('deleted_at', 'is', null).forUpdate().executeTakeFirst();
  return row && toSchedule(row);
}

function byId(tx: ReadTx<Schema>, id: string) {
  return tx.selectFrom('workflow_schedules').select(columns).where('id', '=', id);
}

/** Uses the index workflow_schedules_newest, or workflow_schedules_of_workflow. */
export async function listSchedules(
  tx: ReadTx<Schema>,
  filter: { workflowId: string; status: ScheduleStatus | undefined; cursor: Cursor | undefined; limit: number },
): Promise<Schedule[]> {
  let query = tx
    .selectFrom('workflow_schedules')
    .select(columns)
    .where('deleted_at', 'is', null)
    .where(after<Schema, 'workflow_schedules'>('desc', filter.cursor));
  if (filter.workflowId !== '') query = query.where('workflow_id', '=', filter.workflowId);
  if (filter.status !== undefined) query = query.where('status', '=', filter.status);
  return (await query.orderBy('id', 'desc').limit(filter.limit).execute()).map(toSchedule);
}

/** Saves what is wished for of a locked schedule; from then on Temporal has to be told. */
export async function saveSchedule(tx: Tx<Schema>, schedule: Schedule): Promise<Schedule> {
  const row = await tx
    .updateTable('workflow_schedules')
    .set({
      ...wishOf(schedule),
      revision: schedule.revision + 1,
      sync_due_at: sql<Date>`now()`,
      sync_attempts: 0,
      deleted_at: schedule.deleted ? sql<Date>`now()` : null,
    })
    .where('id', '=', schedule.id)
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toSchedule(row);
}

/** The first time that has not come yet only moves on. */
export async function saveNextRun(
  tx: Tx<Schema>,
  id: string,
  { nextRunAt, missed }: { nextRunAt: Date | undefined; missed: number },
): Promise<void> {
  await tx
    .updateTable('workflow_schedules')
    .set({
      next_run_at: sql<Date | null>`greatest(next_run_at, ${nextRunAt ?? null}::timestamptz)`,
      missed_count: sql<number>`missed_count + ${missed}::integer`,
    })
    .where('id', '=', id)
    .execute();
}

export async function countRun(tx: Tx<Schema>, id: string, at: Date): Promise<void> {
  await tx
    .updateTable('workflow_schedules')
    .set({ run_count: sql<number>`run_count + 1`, last_run_at: sql<Date>`greatest(last_run_at, ${at}::timestamptz)` })
    .where('id', '=', id)
    .execute();
}

function wishOf(schedule: Schedule) {
  return {
    name: schedule.name,
    cron_expression: schedule.timing.cronExpression ?? null,
    interval_seconds: schedule.timing.intervalSeconds ?? null,
    timezone: schedule.timing.timezone,
    status: schedule.status,
    overlap_policy: schedule.overlapPolicy,
    max_concurrent_executions: schedule.maxConcurrentExecutions,
    catchup_window_seconds: schedule.catchupWindowSeconds,
    default_input: toColumn(schedule.defaultInput),
    grant_id: schedule.grantId,
    next_run_at: schedule.nextRunAt ?? null,
    updated_by: schedule.updatedBy,
  };
}

function toSchedule(row: Pick<Selectable<WorkflowSchedules>, (typeof columns)[number]>): Schedule {
  return {
    ...toSource(row),
    timing: {
      cronExpression: row.cron_expression ?? undefined,
      intervalSeconds: row.interval_seconds ?? undefined,
      timezone: row.timezone,
    },
    status: row.status,
    overlapPolicy: row.overlap_policy,
    maxConcurrentExecutions: row.max_concurrent_executions,
    catchupWindowSeconds: row.catchup_window_seconds,
    defaultInput: row.default_input as JsonObject,
    nextRunAt: row.next_run_at ?? undefined,
    lastRunAt: row.last_run_at ?? undefined,
    runCount: row.run_count,
    missedCount: row.missed_count,
    syncError: row.sync_error ?? undefined,
  };
}
