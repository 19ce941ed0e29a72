import { toAppError } from '@flotilla/errors';
import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import type { TemporalClient, TemporalSchedule } from '@flotilla/temporal';
import { countMissed } from '../commands/accept-scheduled-time.ts';
import { driverScope } from '../commands/perform.ts';
import { findScheduleEverKnown, lockSchedule } from '../db/schedule-repository.ts';
import {
  claimUnsynced,
  findLate,
  markSynced,
  markSyncFailed,
  markUnsynced,
  type ScheduleReference,
} from '../db/schedule-sync-repository.ts';
import type { Schema } from '../db/schema.ts';
import { calendarsOf } from '../domain/calendar.ts';
import type { Schedule } from '../domain/schedule.ts';
import { timesAfter } from '../domain/timing.ts';
import { createPoller, type Poller } from '../work/poller.ts';
import { FIRE_SCHEDULE } from './contract.ts';

/** Longer than all calls of one schedule may take: within it nobody else tells Temporal about it. */
const LEASE_MS = 30_000;
const BATCH = 50;
const LATE_MS = 15_000;

/** What bringing schedules to Temporal needs. */
export interface ScheduleSyncOptions {
  readonly db: Database<Schema>;
  readonly temporal: TemporalClient;
  readonly taskQueue: string;
  readonly now: () => Date;
  readonly everyMs: number;
  readonly log: Logger;
}

/**
 * The row is the truth. Each one that Temporal is not known to have as it is, is brought there: at once when woken after
 * a commit, and by whoever looks next where a process died or Temporal was away.
 */
export function createScheduleSync(options: ScheduleSyncOptions): Poller {
  const { db, temporal, taskQueue, now, everyMs, log } = options;
  const inTenant = <T>({ tenantId }: ScheduleReference, body: Parameters<typeof db.inTenant<T>>[1]) =>
    db.inTenant(driverScope(tenantId), body);

  async function bring(reference: ScheduleReference): Promise<void> {
    const { scheduleId } = reference;
    const schedule = await inTenant(reference, (tx) => findScheduleEverKnown(tx, scheduleId));
    if (schedule === undefined) return;
    try {
      if (schedule.deleted) await temporal.schedules.remove(idOf(scheduleId));
      else await temporal.schedules.put(toTemporal(schedule, reference, { taskQueue, now: now() }));
      await inTenant(reference, (tx) => markSynced(tx, scheduleId, schedule.revision));
    } catch (failure) {
      const { reason } = toAppError(failure);
      log.warn({ err: failure, scheduleId }, 'Temporal could not be told about a schedule; it is tried again');
      await inTenant(reference, (tx) => markSyncFailed(tx, scheduleId, reason));
    }
  }

  /** Its next time has passed: Temporal was away, or has lost the schedule. */
  async function lookAfter(reference: ScheduleReference): Promise<void> {
    const { scheduleId } = reference;
    const known = await temporal.schedules.has(idOf(scheduleId));
    await inTenant(reference, async (tx) => {
      if (!known) await markUnsynced(tx, scheduleId);
      const schedule = await lockSchedule(tx, scheduleId);
      if (schedule?.nextRunAt === undefined) return;
      const lost = now().getTime() - schedule.catchupWindowSeconds * 1_000;
      const oldest = Math.max(schedule.nextRunAt.getTime(), lost);
      await countMissed(tx, schedule, now(), timesAfter(schedule.timing, new Date(oldest - 1), 1)[0]);
    });
  }

  return createPoller({
    name: 'schedule-sync',
    everyMs,
    log,
    async work() {
      const late = await db.withoutTenant((tx) => findLate(tx, LATE_MS, BATCH));
      for (const reference of late) await lookAfter(reference);
      const unsynced = await db.withoutTenant((tx) => claimUnsynced(tx, BATCH, LEASE_MS));
      await Promise.all(unsynced.map(bring));
      return unsynced.length;
    },
  });
}

function idOf(scheduleId: string): string {
  return `schedule-${scheduleId}`;
}

function toTemporal(
  schedule: Schedule,
  reference: ScheduleReference,
  { taskQueue, now }: { taskQueue: string; now: Date },
): TemporalSchedule {
  const { timing, revision } = schedule;
  return {
    id: idOf(schedule.id),
    calendars: calendarsOf(timing, now),
    intervalSeconds: timing.intervalSeconds,
    catchupWindowSeconds: schedule.catchupWindowSeconds,
    paused: schedule.status === 'paused',
    workflow: { type: FIRE_SCHEDULE, id: `fire-${schedule.id}`, taskQueue, args: [{ ...reference, revision }] },
  };
}
