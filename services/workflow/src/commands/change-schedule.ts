import { ScheduleDeletedSchema, ScheduleUpdatedSchema } from '@flotilla/contracts/workflow';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import { insertEndedGrant } from '../db/grant-repository.ts';
import { lockSchedule, saveSchedule } from '../db/schedule-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Schedule } from '../domain/schedule.ts';
import { timesAfter } from '../domain/timing.ts';
import { toScheduleMessage } from '../messages/schedule-message.ts';
import type { Editing } from './create-workflow.ts';

/** Changes what is wished for of a schedule: its next time is counted anew from now. `change` is pure. */
export async function changeSchedule(
  { now }: Editing,
  tx: Tx<Schema>,
  { id, etag }: { id: string; etag: string },
  change: (known: Schedule) => Schedule,
): Promise<Schedule> {
  const before = await lockSchedule(tx, id);
  if (before === undefined) throw new AppError('not_found', 'SCHEDULE_NOT_FOUND', 'There is no such schedule.');
  checkRevision(before, etag);
  const changed = change(before);
  if (changed === before) return before;
  const runs = changed.status === 'active' && !changed.deleted;
  const nextRunAt = runs ? timesAfter(changed.timing, now(), 1)[0] : undefined;
  const schedule = await saveSchedule(tx, { ...changed, nextRunAt });
  if (schedule.deleted || schedule.grantId !== before.grantId) await insertEndedGrant(tx, before.grantId);
  const message = { schedule: toScheduleMessage(schedule) };
  const schema = schedule.deleted ? ScheduleDeletedSchema : ScheduleUpdatedSchema;
  await appendEvent(tx, { schema, id, message });
  return schedule;
}
