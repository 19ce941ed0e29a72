import { AppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import { wantWake } from '../db/driver-repository.ts';
import type { Instance } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';
import { outcomeEntry } from '../domain/enter.ts';
import type { Outcome } from '../domain/journal.ts';
import { visitKey } from '../domain/path.ts';
import { type Moving, moveOn } from './advance.ts';
import type { Run } from './run.ts';

/**
 * Brings the outcome that a step waits for, and moves the run on. The caller holds the run's lock (`lockRun`) and wakes the
 * driver after the commit (`drivers.wake`); a lost wake is made good by the sweep.
 */
export async function settleSuspended(
  moving: Moving,
  tx: Tx<Schema>,
  run: Run,
  at: { readonly path: string; readonly visit: number },
  outcome: Outcome,
): Promise<Instance> {
  const step = run.state.open.get(visitKey(at));
  if (step?.suspended === undefined) {
    throw new AppError('failed_precondition', 'STEP_NOT_WAITING', `The step "${at.path}" does not wait.`);
  }
  const { path, stepId, visit } = step;
  const entry = outcomeEntry({ path, stepId, visit }, outcome, 1);
  const moved = await moveOn(moving, tx, run, run.instance.driverEpoch, entry);
  await wantWake(tx, run.instance.id);
  return moved.run.instance;
}
