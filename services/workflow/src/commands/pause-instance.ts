import { AppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import { wantWake } from '../db/driver-repository.ts';
import type { Instance } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type Moving, moveOn } from './advance.ts';
import { lockRun, type Run } from './run.ts';

interface Wish {
  readonly id: string;
  readonly reason: string;
  readonly requestedBy: string;
}

/** From now on the run begins no step; what is under way ends, and times go on. A paused run answers as it is. */
export async function pauseInstance(moving: Moving, tx: Tx<Schema>, { id, ...said }: Wish): Promise<Instance> {
  const run = await lockRun(moving, tx, id);
  checkGoesOn(run);
  if (run.state.paused) return run.instance;
  return steer(moving, tx, run, { kind: 'instance_paused', ...said });
}

/** A paused run goes on where it is. */
export async function resumeInstance(moving: Moving, tx: Tx<Schema>, { id, ...said }: Wish): Promise<Instance> {
  const run = await lockRun(moving, tx, id);
  checkGoesOn(run);
  if (!run.state.paused) throw new AppError('failed_precondition', 'INSTANCE_NOT_PAUSED', 'The run is not paused.');
  return steer(moving, tx, run, { kind: 'instance_resumed', ...said });
}

function checkGoesOn({ state }: Run): void {
  if (!state.ended && state.failing === undefined && state.cancel === undefined) return;
  throw new AppError('failed_precondition', 'INSTANCE_ENDED', 'The run has ended, or is about to.');
}

/** Journals what was asked for and what follows from it. The caller wakes the driver after the commit. */
export async function steer(
  moving: Moving,
  tx: Tx<Schema>,
  run: Run,
  entry: Parameters<typeof moveOn>[4],
): Promise<Instance> {
  const moved = await moveOn(moving, tx, run, run.instance.driverEpoch, entry);
  await wantWake(tx, run.instance.id);
  return moved.run.instance;
}
