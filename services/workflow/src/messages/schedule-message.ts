import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { enumWords } from '@flotilla/contracts';
import { OverlapPolicy, type ScheduleSchema, ScheduleStatus } from '@flotilla/contracts/workflow';
import type { Schedule } from '../domain/schedule.ts';

export const scheduleStatuses = enumWords(ScheduleStatus, ['active', 'paused']);
export const overlapPolicies = enumWords(OverlapPolicy, [
  'skip',
  'buffer_one',
  'buffer_all',
  'cancel_other',
  'allow_all',
]);

export function toScheduleMessage(schedule: Schedule): MessageInitShape<typeof ScheduleSchema> {
  const { timing, nextRunAt, lastRunAt } = schedule;
  return {
    id: schedule.id,
    workflowId: schedule.workflowId,
    name: schedule.name,
    cronExpression: timing.cronExpression ?? '',
    intervalSeconds: timing.intervalSeconds ?? 0,
    timezone: timing.timezone,
    status: scheduleStatuses.valueOf(schedule.status),
    overlapPolicy: overlapPolicies.valueOf(schedule.overlapPolicy),
    maxConcurrentExecutions: schedule.maxConcurrentExecutions,
    catchupWindowSeconds: schedule.catchupWindowSeconds,
    defaultInput: schedule.defaultInput,
    ...(nextRunAt === undefined ? {} : { nextRunTime: timestampFromDate(nextRunAt) }),
    ...(lastRunAt === undefined ? {} : { lastRunTime: timestampFromDate(lastRunAt) }),
    runCount: schedule.runCount,
    missedCount: schedule.missedCount,
    syncError: schedule.syncError ?? '',
    createdBy: schedule.createdBy,
    updatedBy: schedule.updatedBy,
    createTime: timestampFromDate(schedule.createdAt),
    updateTime: timestampFromDate(schedule.updatedAt),
    etag: String(schedule.revision),
  };
}
