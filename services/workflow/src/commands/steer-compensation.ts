import { AppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import { assignCompensation, type Compensation, findCompensation } from '../db/compensation-repository.ts';
import { wantWake } from '../db/driver-repository.ts';
import type { Schema } from '../db/schema.ts';
import { getCompensation } from '../queries/compensations.ts';
import type { Moving } from './advance.ts';
import { lockRun, record } from './run.ts';

/** What an operator does about one undo, for the record. */
export interface Steering {
  readonly id: string;
  readonly reason: string;
  readonly requestedBy: string;
}

/** Has a stuck undo tried again, quickly as at first; wake the driver after the commit. */
export async function retryCompensation(moving: Moving, tx: Tx<Schema>, wish: Steering): Promise<Compensation> {
  return steer(moving, tx, wish, 'undo_retried', ({ attention }) => {
    if (attention === 'stuck') return;
    throw new AppError('failed_precondition', 'COMPENSATION_NOT_STUCK', 'Only an undo that is stuck can be retried.');
  });
}

/** Takes an undo off the queue without another try; wake the driver after the commit. */
export async function skipCompensation(moving: Moving, tx: Tx<Schema>, wish: Steering): Promise<Compensation> {
  return steer(moving, tx, wish, 'undo_skipped', mustBeQueued);
}

/** Hands an undo to somebody, or with no user back to everybody. */
export async function assignQueuedCompensation(
  tx: Tx<Schema>,
  wish: { readonly id: string; readonly assigneeId: string; readonly note: string },
): Promise<Compensation> {
  mustBeQueued(await getCompensation(tx, wish.id));
  const assigneeId = wish.assigneeId === '' ? undefined : wish.assigneeId;
  await assignCompensation(tx, wish.id, { assigneeId, note: wish.note });
  return getCompensation(tx, wish.id);
}

async function steer(
  moving: Moving,
  tx: Tx<Schema>,
  { id, reason, requestedBy }: Steering,
  kind: 'undo_retried' | 'undo_skipped',
  check: (compensation: Compensation) => void,
): Promise<Compensation> {
  const { instanceId } = await getCompensation(tx, id);
  // In the order in which drivers lock: the run first. What is read after it is how things are.
  const run = await lockRun(moving, tx, instanceId);
  const compensation = (await findCompensation(tx, id)) ?? (await getCompensation(tx, id));
  check(compensation);
  const { path, stepId, visit } = compensation;
  const entry = { kind, path, stepId, visit, reason, requestedBy, occurredAt: moving.now().toISOString() } as const;
  await record(moving, tx, run, run.instance.driverEpoch, [entry]);
  await wantWake(tx, instanceId);
  return getCompensation(tx, id);
}

function mustBeQueued({ attention }: Compensation): void {
  if (attention !== undefined) return;
  throw new AppError('failed_precondition', 'COMPENSATION_NOT_QUEUED', 'Nobody has to look at this undo.');
}
