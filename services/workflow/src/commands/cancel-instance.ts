import { AppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import { wantWake } from '../db/driver-repository.ts';
import type { Instance } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Undoing } from '../domain/journal.ts';
import { type Moving, moveOn } from './advance.ts';
import { lockRun, type Run, record } from './run.ts';

/** Journals that the run shall end. What is already ending, or was asked to, answers as it is. */
export async function cancelInstance(
  moving: Moving,
  tx: Tx<Schema>,
  wish: {
    readonly id: string;
    readonly reason: string;
    readonly requestedBy: string;
    readonly undo?: Undoing['undo'];
    readonly savepoint?: string;
  },
): Promise<Instance> {
  const run = await lockRun(moving, tx, wish.id);
  if (run.state.ended || run.state.failing !== undefined || run.state.cancel !== undefined) return run.instance;
  const { reason, requestedBy } = wish;
  const entry = { kind: 'cancel_requested', reason, requestedBy, ...undoing(run, wish) } as const;
  const { driver, driverEpoch } = run.instance;
  // Nobody drives it yet: nothing has happened that would have to be undone.
  if (driver === 'queued') return (await moveOn(moving, tx, run, driverEpoch, entry)).run.instance;
  await wantWake(tx, wish.id);
  return (await record(moving, tx, run, driverEpoch, [{ ...entry, occurredAt: moving.now().toISOString() }])).instance;
}

function undoing(
  { definition, state }: Run,
  { undo, savepoint = '' }: { readonly undo?: Undoing['undo']; readonly savepoint?: string },
): Undoing {
  if (savepoint === '') return undo === undefined ? {} : { undo };
  if (undo !== undefined) {
    throw new AppError(
      'invalid_argument',
      'UNDO_AMBIGUOUS',
      'Either all, none, or what came after a savepoint is undone.',
    );
  }
  const undoAfter = definition.savepoints.get(savepoint);
  if (undoAfter === undefined) {
    throw new AppError('failed_precondition', 'SAVEPOINT_UNKNOWN', `No step carries the savepoint "${savepoint}".`);
  }
  if (!state.marks.has(undoAfter)) {
    const message = `The run has not come past the savepoint "${savepoint}" yet.`;
    throw new AppError('failed_precondition', 'SAVEPOINT_NOT_REACHED', message);
  }
  return { undoAfter };
}
