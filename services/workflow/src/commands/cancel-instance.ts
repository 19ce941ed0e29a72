import type { Tx } from '@flotilla/postgres';
import type { Instance } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Moving } from './advance.ts';
import { lockRun, record } from './run.ts';

/** Journals that the run shall end. What is already ending, or was asked to, answers as it is. */
export async function cancelInstance(
  { definitions, now }: Moving,
  tx: Tx<Schema>,
  wish: { id: string; reason: string; requestedBy: string },
): Promise<Instance> {
  const run = await lockRun(tx, definitions, wish.id);
  if (run.state.ended || run.state.failing !== undefined || run.state.cancel !== undefined) return run.instance;
  const { reason, requestedBy } = wish;
  const entry = { kind: 'cancel_requested', reason, requestedBy, occurredAt: now().toISOString() } as const;
  return (await record(tx, run, run.instance.driverEpoch, [entry])).instance;
}
