import { newTraceparent } from '@flotilla/observability';
import type { Tx } from '@flotilla/postgres';
import { insertFiring } from '../db/firing-repository.ts';
import { lockSchedule, saveNextRun } from '../db/schedule-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Schedule } from '../domain/schedule.ts';
import { countTimes, hasTime, timesAfter } from '../domain/timing.ts';
import type { Editing } from './create-workflow.ts';

/**
 * Accepts a time of a schedule once, however often it is told. The row decides: a time that it does not have (any more),
 * because it was changed, paused or removed meanwhile, is nothing. Answers whether Temporal was told of an older row.
 */
export async function acceptScheduledTime(
  { now, newId }: Editing,
  tx: Tx<Schema>,
  told: { scheduleId: string; revision: number; nominalAt: Date },
): Promise<{ readonly outdated: boolean }> {
  const { scheduleId, nominalAt } = told;
  const schedule = await lockSchedule(tx, scheduleId);
  if (schedule === undefined) return { outdated: false };
  const outdated = schedule.revision !== told.revision;
  if (schedule.status === 'paused' || !hasTime(schedule.timing, nominalAt)) return { outdated };
  const accepted = await insertFiring(tx, {
    id: newId(),
    source: 'schedule',
    sourceId: scheduleId,
    workflowId: schedule.workflowId,
    key: nominalAt.toISOString(),
    cause: 'schedule',
    input: schedule.defaultInput,
    nominalAt,
    traceparent: newTraceparent(),
    causationDepth: 0,
  });
  if (accepted) await countMissed(tx, schedule, now(), timesAfter(schedule.timing, nominalAt, 1)[0]);
  return { outdated };
}

/** Counts the times that will not come any more, and remembers which one is expected next. */
export async function countMissed(
  tx: Tx<Schema>,
  schedule: Schedule,
  now: Date,
  nextRunAt: Date | undefined,
): Promise<void> {
  const { timing, nextRunAt: expected, catchupWindowSeconds } = schedule;
  const lost = new Date(now.getTime() - catchupWindowSeconds * 1_000);
  const missed = expected !== undefined && expected < lost ? countTimes(timing, expected, lost) : 0;
  await saveNextRun(tx, schedule.id, { nextRunAt, missed });
}
