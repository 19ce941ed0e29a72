import { setTimeout as delay } from 'node:timers/promises';
import { toAppError } from '@flotilla/errors';
import type { Logger } from '@flotilla/observability';
import type { Tx } from '@flotilla/postgres';
import { moveOn } from '../commands/advance.ts';
import { driverScope, type Performing } from '../commands/perform.ts';
import { lockRun, type Run } from '../commands/run.ts';
import type { Schema } from '../db/schema.ts';
import type { StepOutcome } from '../domain/journal.ts';
import { visitKey } from '../domain/path.ts';
import type { RunReference } from '../temporal/contract.ts';
import type { FairQueue } from './fair-queue.ts';
import type { HeldRun } from './held-run.ts';
import { createWriteTogether } from './write-together.ts';

/** Whether the run still is this lane's. */
export type MovedOn = 'moved' | 'lost';

/** Writes what happens to the runs of a lane. */
export interface Moves {
  /** Journals the outcomes of steps together with what comes next, in one transaction. */
  settle(held: HeldRun, outcomes: readonly StepOutcome[]): Promise<MovedOn>;
  /** Loads a run that was admitted, and makes its first move. */
  begin(run: RunReference): Promise<Pick<HeldRun, 'run' | 'actions' | 'more'>>;
  /** Reads the journal anew, for a command may have written it, and moves the run on from there. */
  lookAgain(held: HeldRun): Promise<MovedOn>;
}

const retryMs = 200;

export function createMoves(performing: Performing, needs: { readonly queue: FairQueue; readonly log: Logger }): Moves {
  const { db } = performing;
  const { queue, log } = needs;
  const together = createWriteTogether({ db, queue });

  /** Tries again for as long as the database is away and the lease lasts: the outcome is worth more than the wait. */
  async function write(held: HeldRun, work: () => Promise<MovedOn>): Promise<MovedOn> {
    for (;;) {
      if (held.isOver()) return 'lost';
      try {
        return await work();
      } catch (error) {
        if (toAppError(error).reason === 'STALE_DRIVER') return 'lost';
        log.warn({ err: error, instanceId: held.instanceId }, 'a move of a run could not be written yet');
        await delay(retryMs);
      }
    }
  }

  const alone = <T>({ tenantId, run }: HeldRun, work: (tx: Tx<Schema>) => Promise<T>): Promise<T> =>
    queue.run(tenantId, () => db.inTenant(driverScope(tenantId, run.instance.traceparent), work));

  /** A block may have been decided without a step meanwhile: then the step has its outcome. */
  const stillOpen = ({ state }: Run, outcomes: readonly StepOutcome[]) =>
    outcomes.filter((outcome) => state.open.has(visitKey(outcome)));

  /** Nothing is read: what the lane knows is right, if its epoch and the length of the journal are. */
  async function settleKnown(held: HeldRun, outcomes: readonly StepOutcome[]): Promise<boolean> {
    const { run, epoch } = held;
    const news = stillOpen(run, outcomes);
    if (news.length === 0) return true;
    const { traceparent, parent } = run.instance;
    const move = (tx: Tx<Schema>) => moveOn(performing, tx.inTrace(traceparent), run, epoch, ...news);
    try {
      // The end of a run inside of another one writes that one, too.
      const moved = parent === undefined ? together.write(held.tenantId, move) : alone(held, move);
      Object.assign(held, await moved);
      return true;
    } catch (error) {
      if (toAppError(error).reason === 'STALE_DRIVER') return false;
      throw error;
    }
  }

  async function settleAnew(held: HeldRun, outcomes: readonly StepOutcome[]): Promise<MovedOn> {
    const next = await alone(held, async (tx) => {
      const run = await lockRun(performing, tx, held.instanceId);
      return moveOn(performing, tx, run, held.epoch, ...stillOpen(run, outcomes));
    });
    Object.assign(held, next);
    return 'moved';
  }

  return {
    begin: ({ tenantId, instanceId, epoch }) =>
      together.write(tenantId, async (tx) => {
        const run = await lockRun(performing, tx, instanceId);
        return moveOn(performing, tx.inTrace(run.instance.traceparent), run, epoch);
      }),
    settle: (held, outcomes) =>
      write(held, async () => ((await settleKnown(held, outcomes)) ? 'moved' : settleAnew(held, outcomes))),
    lookAgain: (held) => write(held, () => settleAnew(held, [])),
  };
}
