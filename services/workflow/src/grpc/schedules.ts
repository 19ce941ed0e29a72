import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ScheduleService } from '@flotilla/contracts/workflow';
import type { ServiceImplementation } from '@flotilla/grpc';
import type { Tx } from '@flotilla/postgres';
import { changeSchedule } from '../commands/change-schedule.ts';
import { createSchedule } from '../commands/create-schedule.ts';
import type { Editing } from '../commands/create-workflow.ts';
import { fireSchedule } from '../commands/fire-schedule.ts';
import type { Schema } from '../db/schema.ts';
import { checkDefaultInput, type Schedule } from '../domain/schedule.ts';
import { checkTiming, timesAfter } from '../domain/timing.ts';
import { toFiringMessage } from '../messages/firing-message.ts';
import { overlapPolicies, scheduleStatuses, toScheduleMessage } from '../messages/schedule-message.ts';
import { getSchedule, pageOfFirings, pageOfSchedules } from '../queries/schedules.ts';
import { getWorkflow } from '../queries/workflows.ts';
import { actorId } from './actor-id.ts';
import { causedBy } from './caused-by.ts';
import { type Granting, withGrant } from './with-grant.ts';

/** What answering for schedules needs from outside. */
export interface Scheduling extends Editing, Granting {
  readonly minIntervalSeconds: number;
  /** Temporal has to be told about a schedule. */
  readonly changed: () => void;
  /** A firing is due. */
  readonly fired: () => void;
}

const HOUR_SECONDS = 3_600;
const PREVIEWED = 10;

export function schedules(scheduling: Scheduling): ServiceImplementation<typeof ScheduleService> {
  const { db, now, minIntervalSeconds, changed, fired } = scheduling;
  return {
    getSchedule: ({ id }, call) => db.read(call, async (tx) => toScheduleMessage(await getSchedule(tx, id))),
    listSchedules: ({ workflowId, status, pageSize, pageToken }, call) =>
      db.read(call, async (tx) => {
        const wish = { workflowId, status: scheduleStatuses.wordOf(status), pageSize, pageToken };
        const page = await pageOfSchedules(tx, wish);
        return { schedules: page.rows.map(toScheduleMessage), nextPageToken: page.nextPageToken };
      }),
    async createSchedule(request, call) {
      const createdBy = actorId(call);
      const timing = checkTiming(request, minIntervalSeconds);
      const defaultInput = checkDefaultInput(request.defaultInput ?? {});
      await db.read(call, (tx) => getWorkflow(tx, request.workflowId)); // before a grant is made for nothing
      const id = scheduling.newId();
      const wish = {
        ...{ id, timing, defaultInput, createdBy },
        workflowId: request.workflowId,
        name: request.name,
        overlapPolicy: overlapPolicies.wordOf(request.overlapPolicy) ?? 'skip',
        maxConcurrentExecutions: request.maxConcurrentExecutions || 1,
        catchupWindowSeconds: request.catchupWindowSeconds || HOUR_SECONDS,
      } as const;
      const make = (grantId: string) => async (tx: Tx<Schema>) =>
        toScheduleMessage(await createSchedule(scheduling, tx, { ...wish, grantId }));
      const created = await withGrant(
        scheduling,
        call,
        `workflow_schedules/${id}`,
        (grantId) => db.write(call, make(grantId)),
        (made) => made.id === id,
      );
      changed();
      return created;
    },
    async updateSchedule(request, call) {
      const updatedBy = actorId(call);
      await db.read(call, (tx) => getSchedule(tx, request.id));
      const change =
        (grantId: string) =>
        (known: Schedule): Schedule => ({
          ...known,
          name: request.name ?? known.name,
          timing: changedTiming(known, request, minIntervalSeconds),
          overlapPolicy: overlapPolicies.wordOf(request.overlapPolicy) ?? known.overlapPolicy,
          maxConcurrentExecutions: request.maxConcurrentExecutions ?? known.maxConcurrentExecutions,
          catchupWindowSeconds: request.catchupWindowSeconds ?? known.catchupWindowSeconds,
          defaultInput:
            request.defaultInput === undefined ? known.defaultInput : checkDefaultInput(request.defaultInput),
          grantId,
          updatedBy,
        });
      const schedule = await withGrant(scheduling, call, `workflow_schedules/${scheduling.newId()}`, (grantId) =>
        db.write(call, (tx) => changeSchedule(scheduling, tx, request, change(grantId))),
      );
      changed();
      return toScheduleMessage(schedule);
    },
    async deleteSchedule(request, call) {
      const change = (known: Schedule): Schedule => ({ ...known, deleted: true });
      await db.write(call, (tx) => changeSchedule(scheduling, tx, request, change));
      changed();
      return {};
    },
    async pauseSchedule(request, call) {
      const schedule = await db.write(call, (tx) => changeSchedule(scheduling, tx, request, to('paused')));
      changed();
      return toScheduleMessage(schedule);
    },
    async resumeSchedule(request, call) {
      const schedule = await db.write(call, (tx) => changeSchedule(scheduling, tx, request, to('active')));
      changed();
      return toScheduleMessage(schedule);
    },
    async fireSchedule({ id }, call) {
      const { traceparent } = call;
      const firing = await db.write(call, async (tx) =>
        toFiringMessage(await fireSchedule(scheduling, tx, { id, traceparent, causationDepth: causedBy(call) })),
      );
      fired();
      return firing;
    },
    previewSchedule: async (request) => {
      const timing = checkTiming(request, minIntervalSeconds);
      const after = request.afterTime === undefined ? now() : timestampDate(request.afterTime);
      return { times: timesAfter(timing, after, request.count || PREVIEWED).map(timestampFromDate) };
    },
    listScheduleFirings: ({ scheduleId, pageSize, pageToken }, call) =>
      db.read(call, async (tx) => {
        await getSchedule(tx, scheduleId);
        const page = await pageOfFirings(tx, scheduleId, { pageSize, pageToken });
        return { firings: page.rows.map(toFiringMessage), nextPageToken: page.nextPageToken };
      }),
  };
}

/** A schedule that has this status already stays as it is. */
function to(status: Schedule['status']): (known: Schedule) => Schedule {
  return (known) => (known.status === status ? known : { ...known, status });
}

/** A cron expression takes the place of an interval, and the other way round. */
function changedTiming(
  { timing }: Schedule,
  wish: {
    cronExpression?: string | undefined;
    intervalSeconds?: number | undefined;
    timezone?: string | undefined;
  },
  minIntervalSeconds: number,
): Schedule['timing'] {
  const { cronExpression, intervalSeconds } = wish;
  const said = cronExpression !== undefined || intervalSeconds !== undefined;
  return checkTiming(
    {
      cronExpression: (said ? cronExpression : timing.cronExpression) ?? '',
      intervalSeconds: (said ? intervalSeconds : timing.intervalSeconds) ?? 0,
      timezone: wish.timezone ?? timing.timezone,
    },
    minIntervalSeconds,
  );
}
