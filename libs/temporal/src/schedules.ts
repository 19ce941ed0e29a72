import { type Client, ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';

/** Times of UTC that fit every field. */
export interface TemporalCalendar {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly daysOfMonth: readonly number[];
  /** From 1. */
  readonly months: readonly number[];
  /** From 0, which is Sunday. */
  readonly daysOfWeek: readonly number[];
}

/** When a workflow is to be started, again and again. */
export interface TemporalSchedule {
  readonly id: string;
  /** A time of one of them; beside an interval, if there is one. */
  readonly calendars: readonly TemporalCalendar[];
  readonly intervalSeconds: number | undefined;
  readonly catchupWindowSeconds: number;
  readonly paused: boolean;
  /** The time of each start is added to the id. */
  readonly workflow: {
    readonly type: string;
    readonly id: string;
    readonly taskQueue: string;
    readonly args: readonly unknown[];
  };
}

/** Schedules of workflows. Each call has a deadline; throws AppError `unavailable TEMPORAL_UNAVAILABLE`. */
export interface TemporalSchedules {
  /** Makes the schedule what is said here, whether or not there was one. */
  put(schedule: TemporalSchedule): Promise<void>;
  /** One that is not there is removed already. */
  remove(id: string): Promise<void>;
  has(id: string): Promise<boolean>;
}

/** The calls about schedules. */
export function scheduleCalls(
  { schedule: client }: Client,
  inTime: <T>(work: () => Promise<T>) => Promise<T>,
): TemporalSchedules {
  return {
    put: (schedule) =>
      inTime(async () => {
        const options = optionsOf(schedule);
        try {
          await client.create({ scheduleId: schedule.id, ...options });
        } catch (error) {
          if (!(error instanceof ScheduleAlreadyRunning)) throw error;
          await client.getHandle(schedule.id).update(() => options);
        }
      }),
    remove: (id) =>
      inTime(async () => {
        try {
          await client.getHandle(id).delete();
        } catch (error) {
          if (!(error instanceof ScheduleNotFoundError)) throw error;
        }
      }),
    has: (id) =>
      inTime(async () => {
        try {
          await client.getHandle(id).describe();
          return true;
        } catch (error) {
          if (error instanceof ScheduleNotFoundError) return false;
          throw error;
        }
      }),
  };
}

const months = [
  'JANUARY',
  'FEBRUARY',
  'MARCH',
  'APRIL',
  'MAY',
  'JUNE',
  'JULY',
  'AUGUST',
  'SEPTEMBER',
  'OCTOBER',
  'NOVEMBER',
  'DECEMBER',
] as const;
const days = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const;

function toSpec({ minutes, hours, daysOfMonth, months: inMonths, daysOfWeek }: TemporalCalendar) {
  return {
    second: [0],
    minute: [...minutes],
    hour: [...hours],
    dayOfMonth: [...daysOfMonth],
    month: inMonths.map((month) => months[month - 1] ?? 'JANUARY'),
    dayOfWeek: daysOfWeek.map((day) => days[day] ?? 'SUNDAY'),
  };
}

function optionsOf({ calendars, intervalSeconds, catchupWindowSeconds, paused, workflow }: TemporalSchedule) {
  return {
    spec: {
      timezone: 'UTC',
      calendars: calendars.map(toSpec),
      ...(intervalSeconds === undefined ? {} : { intervals: [{ every: intervalSeconds * 1_000 }] }),
    },
    action: {
      type: 'startWorkflow' as const,
      workflowType: workflow.type,
      workflowId: workflow.id,
      taskQueue: workflow.taskQueue,
      args: [...workflow.args],
      workflowTaskTimeout: '5s' as const,
    },
    policies: {
      overlap: ScheduleOverlapPolicy.ALLOW_ALL,
      catchupWindow: catchupWindowSeconds * 1_000,
      pauseOnFailure: false,
    },
    state: { paused },
  };
}
