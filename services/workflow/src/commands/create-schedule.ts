import { ScheduleCreatedSchema } from '@flotilla/contracts/workflow';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { insertSchedule } from '../db/schedule-repository.ts';
import type { Schema } from '../db/schema.ts';
import { shareWorkflow } from '../db/workflow-repository.ts';
import type { JsonObject } from '../domain/json.ts';
import { checkDefaultInput, type OverlapPolicy, type Schedule } from '../domain/schedule.ts';
import { type Timing, timesAfter } from '../domain/timing.ts';
import { toScheduleMessage } from '../messages/schedule-message.ts';
import type { Editing } from './create-workflow.ts';

export async function createSchedule(
  { now }: Editing,
  tx: Tx<Schema>,
  wish: {
    id: string;
    workflowId: string;
    name: string;
    timing: Timing;
    overlapPolicy: OverlapPolicy;
    maxConcurrentExecutions: number;
    catchupWindowSeconds: number;
    defaultInput: JsonObject;
    grantId: string;
    createdBy: string;
  },
): Promise<Schedule> {
  if ((await shareWorkflow(tx, wish.workflowId)) === undefined) {
    throw new AppError('not_found', 'WORKFLOW_NOT_FOUND', 'There is no such workflow.');
  }
  const at = now();
  const schedule: Schedule = {
    ...wish,
    defaultInput: checkDefaultInput(wish.defaultInput),
    status: 'active',
    nextRunAt: timesAfter(wish.timing, at, 1)[0],
    lastRunAt: undefined,
    runCount: 0,
    missedCount: 0,
    syncError: undefined,
    updatedBy: wish.createdBy,
    createdAt: at,
    updatedAt: at,
    deleted: false,
    revision: 1,
  };
  await insertSchedule(tx, schedule);
  const message = { schedule: toScheduleMessage(schedule) };
  await appendEvent(tx, { schema: ScheduleCreatedSchema, id: schedule.id, message });
  return schedule;
}
