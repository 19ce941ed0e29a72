import { moveOn } from '../commands/advance.ts';
import { driverScope, type Performing } from '../commands/perform.ts';
import { lockRun } from '../commands/run.ts';
import { clearWake } from '../db/driver-repository.ts';
import { countFirstAttempts, lockTask } from '../db/task-repository.ts';
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

type Known = Pick<HeldRun, 'run' | 'actions' | 'more'>;
type Riding = Omit<RiddenRun, keyof Known>;

/** Writes what happens to a run in a ride. */
export interface RideMoves extends Pick<Moves, 'settle' | 'lookAgain'> {
  /** The first move, by which nothing is known of the run yet. */
  begin(reference: RunReference, time: Pick<RiddenRun, 'goesOn' | 'isOver'>): Promise<RiddenRun>;
}

/**
 * Each move locks the run and the tasks of its outcomes, as that of an activity does. It counts the first attempts at the steps
 * that the ride is going to perform: should the process die, they are not ridden again, and an activity goes on with them. The
 * claim of that activity keeps a ride that wakes up late from writing.
 */
export function createRideMoves(performing: Performing, inHand: InHand): RideMoves {
  async function write(
    ride: Riding,
    known: Known['run'] | undefined,
    outcomes: readonly StepOutcome[],
  ): Promise<Known> {
    const { tenantId, instanceId, epoch } = ride;
    const scope = driverScope(tenantId, known?.instance.traceparent);
    const counts = !ride.tried.length && ride.goesOn();
    const fresh = (
      at: Pick<Known['run'], 'definition' | 'state'>,
      { actions, more }: Pick<Known, 'actions' | 'more'>,
    ) => (counts && !more ? ridableSteps(at, actions).filter((step) => !ride.own.has(visitKey(step))) : []);
    let begun = false;
    const riding: Performing = {
      ...performing,
      performs(before, after, next) {
        const steps = fresh(after, next);
        begun = steps.length > 0 && !steps.some((step) => before.state.open.has(visitKey(step)));
        return begun;
      },
    };
    const { next, counted } = await performing.db.inTenant(scope, async (tx) => {
      const [run, ...tasks] = await Promise.all([
        lockRun(performing, tx, instanceId, known),
        ...outcomes.map((outcome) => lockTask(tx, { instanceId, ...outcome })),
      ]);
      // Somebody else may have claimed a step meanwhile, or a block may have been decided without it.
      const news = outcomes.filter(
        (outcome, index) =>
          tasks[index]?.claim === 0 && tasks[index].status === 'running' && run.state.open.has(visitKey(outcome)),
      );
      const after = await moveOn(riding, tx.inTrace(run.instance.traceparent), run, epoch, ...news);
      if (run.instance.wakeWanted) await clearWake(tx, instanceId);
      const steps = fresh(after.run, after);
      // What was begun before this move may have been tried by others. The answer comes with the end of the transaction.
      return { next: after, counted: begun || steps.length === 0 ? steps : countFirstAttempts(tx, instanceId, steps) };
    });
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
  return {
    async begin({ tenantId, instanceId, epoch }, time) {
      const ride = {
        ...time,
        tenantId,
        instanceId,
        epoch,
        own: new Set<string>(),
        begun: new Set<string>(),
        tried: [],
      };
      return Object.assign(ride, await write(ride, undefined, []));
    },
    settle: again,
    lookAgain: (held) => again(held, []),
  };
}
