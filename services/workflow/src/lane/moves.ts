import { setTimeout as delay } from 'node:timers/promises';
import { toAppError } from '@flotilla/errors';
import type { Logger } from '@flotilla/observability';
import { moveOn } from '../commands/advance.ts';
import { driverScope, type Performing } from '../commands/perform.ts';
import { lockRun } from '../commands/run.ts';
import type { StepOutcome } from '../domain/journal.ts';
import { visitKey } from '../domain/path.ts';
import type { FairQueue } from './fair-queue.ts';
import type { HeldRun } from './held-run.ts';

/** Whether the run still is this lane's. */
export type MovedOn = 'moved' | 'lost';

/** Writes what happens to the runs of a lane. */
export interface Moves {
  /** Journals the outcome of a step together with what comes next, in one transaction. */
  settle(held: HeldRun, outcome: StepOutcome): Promise<MovedOn>;
  /** Reads the journal anew, for a command may have written it, and moves the run on from there. */
  lookAgain(held: HeldRun): Promise<MovedOn>;
}

const retryMs = 200;

export function createMoves(
  performing: Performing,
  needs: { readonly queue: FairQueue; readonly log: Logger; readonly moved: (instanceId: string) => void },
): Moves {
  const { db } = performing;
  const { queue, log, moved } = needs;

  /** Tries again for as long as the database is away and the lease lasts: the outcome is worth more than the wait. */
  async function write(held: HeldRun, work: () => Promise<MovedOn>): Promise<MovedOn> {
    for (;;) {
      if (held.isOver()) return 'lost';
      try {
        return await queue.run(held.tenantId, work);
      } catch (error) {
        if (toAppError(error).reason === 'STALE_DRIVER') return 'lost';
        log.warn({ err: error, instanceId: held.instanceId }, 'a move of a run could not be written yet');
        await delay(retryMs);
      } finally {
        moved(held.instanceId);
      }
    }
  }

  const scopeOf = ({ tenantId, run }: HeldRun) => driverScope(tenantId, run.instance.traceparent);

  /** Nothing is read: what the lane knows is right, if its epoch and the length of the journal are. */
  async function settleKnown(held: HeldRun, outcome: StepOutcome): Promise<boolean> {
    // Its block was decided without it meanwhile: the step has its outcome.
    if (!held.run.state.open.has(visitKey(outcome))) return true;
    try {
      const { run, epoch } = held;
      Object.assign(held, await db.inTenant(scopeOf(held), (tx) => moveOn(performing, tx, run, epoch, outcome)));
      return true;
    } catch (error) {
      if (toAppError(error).reason === 'STALE_DRIVER') return false;
      throw error;
    }
  }

  async function settleAnew(held: HeldRun, outcome: StepOutcome | undefined): Promise<MovedOn> {
    const next = await db.inTenant(scopeOf(held), async (tx) => {
      const run = await lockRun(performing, tx, held.instanceId);
      const isOpen = outcome !== undefined && run.state.open.has(visitKey(outcome));
      return moveOn(performing, tx, run, held.epoch, isOpen ? outcome : undefined);
    });
    Object.assign(held, next);
    return 'moved';
  }

  return {
    settle: (held, outcome) =>
      write(held, async () => ((await settleKnown(held, outcome)) ? 'moved' : settleAnew(held, outcome))),
    lookAgain: (held) => write(held, () => settleAnew(held, undefined)),
  };
}
