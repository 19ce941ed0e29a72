import { toAppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import { moveOn } from '../commands/advance.ts';
import { driverScope, type Performing } from '../commands/perform.ts';
import { lockRun, type Run, staleDriver } from '../commands/run.ts';
import { clearWake } from '../db/driver-repository.ts';
import type { Schema } from '../db/schema.ts';
import { countFirstAttempts, insistUnclaimed, lockTask } from '../db/task-repository.ts';
import type { StepOutcome } from '../domain/journal.ts';
import { visitKey } from '../domain/path.ts';
import type { HeldRun, TriedStep } from '../lane/held-run.ts';
import type { Moves } from '../lane/moves.ts';
import type { RunReference } from '../temporal/contract.ts';
import type { InHand } from './in-hand.ts';
import { ridableSteps } from './ridable.ts';

/** A run in a ride. Unlike a lane, a ride does not have it for itself. */
export interface RiddenRun extends HeldRun {
  /** Visits whose first attempt is this ride's: only these may be performed. */
  readonly own: Set<string>;
  /** Those of them that were begun. */
  readonly begun: Set<string>;
  /** What could not come to its end here. */
  readonly tried: TriedStep[];
  /** Whether attempts at more steps may be counted as this ride's. */
  goesOn(): boolean;
}

/** A run, and what is under way in it. */
export type Known = Pick<HeldRun, 'run' | 'actions' | 'more'>;
type Riding = Omit<RiddenRun, keyof Known>;
type Time = Pick<RiddenRun, 'goesOn' | 'isOver'>;

/** Writes what happens to a run in a ride. */
export interface RideMoves extends Pick<Moves, 'settle' | 'lookAgain'> {
  /** The first move, by which nothing is known of the run yet. */
  begin(reference: RunReference, time: Time): Promise<RiddenRun>;
  /** Where the first move was made by whoever accepted the run. */
  take(
    reference: RunReference,
    time: Time,
    begun: { readonly known: Known; readonly own: Iterable<string> },
  ): RiddenRun;
}

/** Visits that a move begins, where all that is under way after it can be ridden: then it counts their first attempts. */
export function firstAttempts(
  before: Pick<Run, 'state'>,
  after: Pick<Run, 'definition' | 'state'>,
  { actions, more }: Pick<Known, 'actions' | 'more'>,
  counted: ReadonlySet<string> = new Set(),
): ReadonlySet<string> {
  const ridable = more ? [] : ridableSteps(after, actions).map(visitKey);
  const visits = ridable.filter((visit) => !counted.has(visit));
  return new Set(visits.some((visit) => before.state.open.has(visit)) ? [] : visits);
}

/**
 * The first attempts at the steps that the ride is going to perform are counted: should the process die, they are not ridden
 * again, and an activity goes on with them. The claim of that activity keeps a ride that wakes up late from writing.
 */
export function createRideMoves(performing: Performing, inHand: InHand): RideMoves {
  async function write(ride: Riding, known: Run | undefined, outcomes: readonly StepOutcome[]): Promise<Known> {
    const { tenantId, instanceId, epoch } = ride;
    const counts = !ride.tried.length && ride.goesOn();
    const transaction = <T>(work: (tx: Tx<Schema>) => Promise<T>): Promise<T> =>
      performing.db.inTenant(driverScope(tenantId, known?.instance.traceparent), work);

    async function move(tx: Tx<Schema>, run: Run, news: readonly StepOutcome[]) {
      let begun: ReadonlySet<string> = new Set();
      const riding: Performing = {
        ...performing,
        performs(before, after, next) {
          if (counts) begun = firstAttempts(before, after, next, ride.own);
          return begun.size > 0;
        },
      };
      const next = await moveOn(riding, tx.inTrace(run.instance.traceparent), run, epoch, ...news);
      const steps = counts && !next.more ? ridableSteps(next.run, next.actions) : [];
      const fresh = steps.filter((step) => !ride.own.has(visitKey(step)));
      // What was begun before this move may have been tried by others. The answer comes with the end of the transaction.
      const counted = begun.size > 0 || fresh.length === 0 ? fresh : countFirstAttempts(tx, instanceId, fresh);
      return { next, counted };
    }

    /** In one round trip: nothing is read. Answers nothing where somebody else has written the journal or claimed a step. */
    async function unread(run: Run) {
      const news = outcomes.filter((outcome) => run.state.open.has(visitKey(outcome)));
      if (news.length === 0) return undefined;
      return transaction(async (tx) => {
        const moved = await move(tx, run, news);
        insistUnclaimed(tx, instanceId, news, staleDriver);
        return moved;
      }).catch((error: unknown) => {
        if (toAppError(error).reason === 'STALE_DRIVER') return undefined;
        throw error;
      });
    }

    /** Locks the run and the tasks, as an activity does. */
    const locked = () =>
      transaction(async (tx) => {
        const [run, ...tasks] = await Promise.all([
          lockRun(performing, tx, instanceId, known),
          ...outcomes.map((outcome) => lockTask(tx, { instanceId, ...outcome })),
        ]);
        // Somebody else may have claimed a step meanwhile, or a block may have been decided without it.
        const news = outcomes.filter(
          (outcome, index) =>
            tasks[index]?.claim === 0 && tasks[index].status === 'running' && run.state.open.has(visitKey(outcome)),
        );
        const moved = await move(tx, run, news);
        if (run.instance.wakeWanted) await clearWake(tx, instanceId);
        return moved;
      });

    const { next, counted } = (known && (await unread(known))) ?? (await locked());
    for (const outcome of outcomes) {
      ride.own.delete(visitKey(outcome));
      inHand.release(instanceId, visitKey(outcome));
    }
    for (const visit of await counted) ride.own.add(visitKey(visit));
    return next;
  }

  const again = async (held: HeldRun, outcomes: readonly StepOutcome[]) => {
    const ride = held as RiddenRun;
    Object.assign(held, await write(ride, held.run, outcomes));
    return 'moved' as const;
  };
  const ridingOf = ({ tenantId, instanceId, epoch }: RunReference, time: Time, own: Iterable<string>): Riding => ({
    ...time,
    tenantId,
    instanceId,
    epoch,
    own: new Set(own),
    begun: new Set(),
    tried: [],
  });
  return {
    async begin(reference, time) {
      const ride = ridingOf(reference, time, []);
      return Object.assign(ride, await write(ride, undefined, []));
    },
    take: (reference, time, { known, own }) => ({ ...ridingOf(reference, time, own), ...known }),
    settle: again,
    lookAgain: (held) => again(held, []),
  };
}
