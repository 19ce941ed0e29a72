import { AppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import { findFiring, insertFiring } from '../db/firing-repository.ts';
import { findSchedule } from '../db/schedule-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Firing } from '../domain/firing.ts';
import type { Editing } from './create-workflow.ts';

/** Accepts a firing that somebody asked for. */
export async function fireSchedule(
  { now, newId }: Editing,
  tx: Tx<Schema>,
  wish: { id: string; traceparent: string; causationDepth: number },
): Promise<Firing> {
  const schedule = await findSchedule(tx, wish.id);
  if (schedule === undefined) throw new AppError('not_found', 'SCHEDULE_NOT_FOUND', 'There is no such schedule.');
  const id = newId();
  await insertFiring(tx, {
    id,
    source: 'schedule',
    sourceId: schedule.id,
    workflowId: schedule.workflowId,
    key: `call/${id}`,
    cause: 'call',
    input: schedule.defaultInput,
    nominalAt: now(),
    traceparent: wish.traceparent,
    causationDepth: wish.causationDepth,
  });
  const firing = await findFiring(tx, id);
  if (firing === undefined) throw new AppError('internal', 'FIRING_LOST', 'Something went wrong on our side.');
  return firing;
}
