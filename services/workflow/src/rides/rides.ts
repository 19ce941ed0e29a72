import type { Driven, Moved } from '../commands/advance.ts';
import { driverScope, type Performing } from '../commands/perform.ts';
import type { Run } from '../commands/run.ts';
import { countTriedStep } from '../db/task-repository.ts';
import type { Action, StepAction } from '../domain/action.ts';
import { visitKey } from '../domain/path.ts';
import { type Attempted, attemptInLane } from '../lane/attempt.ts';
import type { WhyNot } from '../lane/course.ts';
import { type Departure, type Driving, driveRun } from '../lane/drive-run.ts';
import type { FairQueue } from '../lane/fair-queue.ts';
import { createPlaces } from '../lane/places.ts';
import type { RunReference } from '../temporal/contract.ts';
import { createExpectedRides, type ExpectedRide, type PromisedRide } from './expected-rides.ts';
import type { InHand } from './in-hand.ts';
import { ridableSteps } from './ridable.ts';
import { createRideMoves, type RiddenRun } from './ride-moves.ts';

/** How many rides a process takes at once, and what leaves them. */
export interface RideLimits {
  /** 0: each step is an activity. A tenant has three quarters at most. */
  readonly rides: number;
  /** A step that has to wait longer before its next attempt leaves the ride. */
  readonly longestPauseMs: number;
  readonly weightOf: (tenantId: string) => number;
}

/**
 * Temporal's driver moves a run on by a local activity, and has it **ride** there: while steps are all that is under way and nobody
 * has tried them yet, they are performed at once, as in a lane. So a short run is one task of its workflow. What makes the run
 * wait, or takes longer, is answered and becomes an activity or a timer.
 */
export interface Rides {
  /** For a run that begins now, and whose driver begins here at once. Undefined where all places are taken. */
  promise(tenantId: string): PromisedRide | undefined;
  /** Moves a run on, and performs what it comes to. */
  ride(reference: RunReference): Promise<Moved>;
  /** Moves a run on, and performs nothing. */
  walk(reference: RunReference): Promise<Moved>;
  /** What the workflow is told of a move that an activity made: to ask for a ride, where nothing but what it began is under way. */
  offer(driven: Driven): Moved;
  /** A command has written the run's journal. */
  poke(instanceId: string): void;
  /** Begins nothing any more. */
  close(): void;
}

/**
 * A ride begins steps for this long. With the grace it stays well below the time limit of a workflow task: a process that stood
 * still for longer, so that another one has the task, begins nothing when it wakes up. And for so long the workflow hears nothing.
 */
const RIDE_MS = 1_000;
/** Steps under way may end within this time. Then they are left to activities. */
const GRACE_MS = 500;

export function createRides(
  performing: Performing,
  { rides, longestPauseMs, weightOf }: RideLimits,
  { inHand, steps }: { readonly inHand: InHand; readonly steps: FairQueue },
): Rides {
  const { db, meters } = performing;
  const places = createPlaces({ runs: rides, weightOf });
  const moves = createRideMoves(performing, inHand);
  const expected = createExpectedRides();
  const riding = new Map<string, Driving>();
  let closing = false;

  /** Moves the run on until steps are next. Of a way that is long the workflow hears before its end. */
  async function begin(reference: RunReference, rider: boolean, begun?: ExpectedRide): Promise<RiddenRun> {
    const startedAt = performance.now();
    const elapsed = () => performance.now() - startedAt;
    const time = {
      goesOn: () => rider && !closing && elapsed() < RIDE_MS,
      isOver: () => elapsed() >= RIDE_MS + GRACE_MS,
    };
    if (begun !== undefined) {
      const run = moves.take(reference, time, begun);
      if (begun.isStale) await moves.lookAgain(run);
      return run;
    }
    const run = await moves.begin(reference, time);
    while (run.more && elapsed() < RIDE_MS) await moves.lookAgain(run);
    // What is not under way any more comes to rest before anything is undone.
    if (!run.more) await inHand.endOthers(run.instanceId, new Set(run.actions.filter(isStep).map(visitKey)));
    return run;
  }

  /** One that is stopped before its turn does not wait for it. */
  function inTurn(tenantId: string, stop: AbortSignal, work: () => Promise<Attempted>): Promise<Attempted> {
    const stopped = Promise.withResolvers<Attempted>();
    const giveUp = () => stopped.resolve({ stopped: true });
    stop.addEventListener('abort', giveUp, { once: true });
    const turn = steps.run(tenantId, async (): Promise<Attempted> => {
      stop.removeEventListener('abort', giveUp);
      return stop.aborted ? { stopped: true } : work();
    });
    return Promise.race([turn, stopped.promise]);
  }

  function attempt(run: RiddenRun, action: StepAction, signal: AbortSignal): Promise<Attempted> {
    const { tenantId, instanceId } = run;
    const visit = visitKey(action);
    run.begun.add(visit);
    const { attempted, abort } = inHand.begin(instanceId, visit, (stop) =>
      inTurn(tenantId, stop, async () =>
        run.isOver()
          ? { stopped: true }
          : attemptInLane(performing, run, action, { signal: stop, longestPauseMs, isFirst: true }),
      ),
    );
    signal.addEventListener('abort', abort, { once: true });
    return attempted.then((result) => {
      signal.removeEventListener('abort', abort);
      // An outcome stays in hand until it is written.
      if (!('outcome' in result)) inHand.release(instanceId, visit);
      if ('tried' in result) run.tried.push(result.tried);
      return result;
    });
  }

  async function perform(run: RiddenRun): Promise<Departure> {
    let leavesAt: number | undefined;
    let leaving: NodeJS.Timeout | undefined;
    const driving = driveRun(
      {
        moves,
        attempt: (_held, action, signal) => attempt(run, action, signal),
        mustLeave: () => whyLeave(run),
        leavesBehind() {
          leavesAt ??= performance.now() + GRACE_MS;
          leaving ??= setTimeout(() => driving.poke(), GRACE_MS);
          return performance.now() >= leavesAt;
        },
        isOver: run.isOver,
        isStopped: () => false,
      },
      run,
    );
    riding.set(run.instanceId, driving);
    // Then commands that other processes wrote are seen, too.
    const late = setTimeout(() => driving.poke(), RIDE_MS);
    return driving.departed.finally(() => {
      clearTimeout(late);
      clearTimeout(leaving);
      if (riding.get(run.instanceId) === driving) riding.delete(run.instanceId);
    });
  }

  function whyLeave({ run, actions, own, begun, isOver, goesOn }: RiddenRun): WhyNot | undefined {
    if (!run.state.waiting.isEmpty() || run.state.paused) return 'waits';
    const visits = actions.filter(isStep).map(visitKey);
    const late = closing ? 'closing' : goesOn() ? undefined : 'too_long';
    if (visits.some((visit) => !own.has(visit))) return late ?? 'elsewhere';
    // What is counted as attempted is begun.
    const waitsForIt = !isOver() && visits.some((visit) => !begun.has(visit));
    return waitsForIt ? undefined : late;
  }

  /** Steps that were tried wait for their next attempt in activities. */
  async function countTried({ tenantId, instanceId, run, tried }: RiddenRun): Promise<void> {
    if (tried.length === 0) return;
    await db.inTenant(driverScope(tenantId, run.instance.traceparent), async (tx) => {
      // The first attempt was counted when it began.
      for (const step of tried) countTriedStep(tx, { instanceId, ...step }, { ...step, attempts: step.attempts - 1 });
    });
  }

  function named({ run, actions, more, tried }: RiddenRun): Moved {
    const times = new Map(tried.map((step) => [visitKey(step), new Date(Date.now() + step.pauseMs).toISOString()]));
    const delayed = actions.map((action) => {
      const notBefore = isStep(action) ? times.get(visitKey(action)) : undefined;
      return notBefore === undefined ? action : { ...action, notBefore };
    });
    return { length: run.instance.journalLength, actions: delayed, more };
  }

  /** Steps that are not named begin nowhere: the workflow asks again, and they are ridden. */
  function asking(moved: Moved, run: Run, isNew: (visit: string) => boolean): Moved {
    const ridable = ridableSteps(run, moved.actions).map(visitKey);
    const asks = rides > 0 && !closing && !moved.more && ridable.length > 0 && ridable.every(isNew);
    return asks ? { length: moved.length, actions: [], more: true } : moved;
  }

  return {
    promise(tenantId) {
      const place = closing ? undefined : places.reserve(tenantId);
      return place && expected.promise(place);
    },
    walk: async (reference) => named(await begin(reference, false)),
    async ride(reference) {
      const begun = expected.take(reference);
      const place = begun?.place ?? places.reserve(reference.tenantId);
      try {
        const run = await begin(reference, place !== undefined, begun);
        if (run.own.size === 0) return named(run);
        const departure = await perform(run);
        meters.rideEnded(typeof departure === 'string' ? departure : departure.why);
        await countTried(run);
        return asking(named(run), run.run, (visit) => run.tried.length === 0 && !run.own.has(visit));
      } finally {
        place?.release();
      }
    },
    offer: ({ run, before, length, actions, more }) =>
      asking({ length, actions, more }, run, (visit) => !before.state.open.has(visit)),
    poke(instanceId) {
      expected.spoil(instanceId);
      riding.get(instanceId)?.poke();
    },
    close() {
      closing = true;
      for (const driving of riding.values()) driving.poke();
    },
  };
}

function isStep(action: Action): action is StepAction {
  return action.type === 'step';
}
