import type { Tx } from '@flotilla/postgres';
import { wantWake } from '../db/driver-repository.ts';
import type { Instance } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type Moving, moveOn } from './advance.ts';
import { lockRun, record } from './run.ts';

/** Journals that the run shall end. What is already ending, or was asked to, answers as it is. */
export async function cancelInstance(
  moving: Moving,
  tx: Tx<Schema>,
  wish: { id: string; reason: string; requestedBy: string; undo?: boolean },
): Promise<Instance> {
  const run = await lockRun(moving, tx, wish.id);
  if (run.state.ended || run.state.failing !== undefined || run.state.cancel !== undefined) return run.instance;
  const { reason, requestedBy } = wish;
  const undo = (wish.undo ?? true) ? {} : ({ undo: 'none' } as const);
  const entry = { kind: 'cancel_requested', reason, requestedBy, ...undo } as const;
  const { driver, driverEpoch } = run.instance;
  // Nobody drives it yet: nothing has happened that would have to be undone.
  if (driver === 'queued') return (await moveOn(moving, tx, run, driverEpoch, entry)).run.instance;
  await wantWake(tx, wish.id);
  return (await record(moving, tx, run, driverEpoch, [{ ...entry, occurredAt: moving.now().toISOString() }])).instance;
}
