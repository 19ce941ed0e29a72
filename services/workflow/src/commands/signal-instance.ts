import type { Tx } from '@flotilla/postgres';
import type { Instance } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { JsonObject } from '../domain/json.ts';
import { checkSignal } from '../domain/signals.ts';
import type { Moving } from './advance.ts';
import { steer } from './pause-instance.ts';
import { lockRun } from './run.ts';

/** Gives a signal to the step that has waited longest for it; where none waits yet, it is kept for the one that will. */
export async function signalInstance(
  moving: Moving,
  tx: Tx<Schema>,
  wish: { readonly id: string; readonly name: string; readonly payload: JsonObject; readonly sentBy: string },
): Promise<Instance> {
  const { id, ...signal } = wish;
  const run = await lockRun(moving, tx, id);
  checkSignal(run.definition, run.state, signal);
  return steer(moving, tx, run, { kind: 'signal_received', ...signal });
}
