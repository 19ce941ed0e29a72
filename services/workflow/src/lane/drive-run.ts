import type { StepAction } from '../domain/action.ts';
import type { StepOutcome } from '../domain/journal.ts';
import { visitKey } from '../domain/path.ts';
import type { Attempted } from './attempt.ts';
import { type Course, courseOf, type WhyNot } from './course.ts';
import type { HeldRun, TriedStep } from './held-run.ts';
import type { MovedOn, Moves } from './moves.ts';

/** How a run left a lane. */
export type Departure = 'settled' | 'lost' | { readonly why: WhyNot; readonly tried: readonly TriedStep[] };

/** The side of a lane that its runs are driven from. */
export interface Driving {
  /** A command has written the journal, or the lane wants the run to go: look again. */
  poke(): void;
  readonly departed: Promise<Departure>;
}

/** What driving needs of its lane. */
export interface Road {
  readonly moves: Pick<Moves, 'settle' | 'lookAgain'>;
  readonly attempt: (held: HeldRun, action: StepAction, signal: AbortSignal) => Promise<Attempted>;
  /** Why the run has to leave now, if it has to: the lane closes, or it has been here too long. */
  readonly mustLeave: () => WhyNot | undefined;
  /** Whether a run that is to leave does so now, with steps under way: they go on. Absent: it waits for their end. */
  readonly leavesBehind?: () => boolean;
  /** Whether the lease has run out by this process's own clock: then nothing may be begun any more. */
  readonly isOver: () => boolean;
  readonly isStopped: () => boolean;
}

/** Outcomes in one transaction. */
const MOST_AT_ONCE = 100;

/** Drives a run from its journal for as long as nothing makes it wait. */
export function driveRun(road: Road, held: HeldRun): Driving {
  const doing = new Map<string, AbortController>();
  const ended: Attempted[] = [];
  let asks = false;
  let ring = (): void => {};

  function begin(action: StepAction): void {
    const stop = new AbortController();
    const key = visitKey(action);
    doing.set(key, stop);
    void road
      .attempt(held, action, stop.signal)
      .catch((error: unknown): Attempted => ({ broken: error }))
      .then((attempted) => {
        doing.delete(key);
        ended.push(attempted);
        ring();
      });
  }

  async function drive(): Promise<Departure> {
    const tried: TriedStep[] = [];
    for (;;) {
      while (held.more) if ((await road.moves.lookAgain(held)) === 'lost') return 'lost';
      const course: Course = courseOf(held, road.mustLeave(), tried.length > 0);
      if (course.type === 'settled') return 'settled';
      const wanted = new Map(course.steps.map((step) => [visitKey(step), step]));
      for (const [key, stop] of doing) if (!wanted.has(key) || road.isStopped()) stop.abort();
      if (road.isOver() && doing.size === 0) return 'lost';
      if (course.type === 'leave' && (doing.size === 0 || road.leavesBehind?.() === true))
        return { why: course.why, tried };
      if (course.type === 'go') for (const [key, step] of wanted) if (!doing.has(key) && !road.isOver()) begin(step);
      await news();
      const moved = await digest(tried);
      if (moved === 'lost') return 'lost';
    }
  }

  /** Waits until something ended, or somebody asks. */
  async function news(): Promise<void> {
    while (ended.length === 0 && !asks) {
      const { promise, resolve } = Promise.withResolvers<void>();
      ring = resolve;
      await promise;
    }
  }

  async function digest(tried: TriedStep[]): Promise<MovedOn> {
    if (asks) {
      asks = false;
      if ((await road.moves.lookAgain(held)) === 'lost') return 'lost';
    }
    // What ended while the move before was written goes together.
    const outcomes: StepOutcome[] = [];
    for (const one of ended.splice(0, MOST_AT_ONCE)) {
      if ('broken' in one) throw one.broken;
      if ('tried' in one) tried.push(one.tried);
      if ('outcome' in one) outcomes.push(one.outcome);
    }
    return outcomes.length === 0 ? 'moved' : road.moves.settle(held, outcomes);
  }

  const departed = drive().finally(() => {
    if (road.leavesBehind === undefined) for (const stop of doing.values()) stop.abort();
  });
  return {
    poke() {
      asks = true;
      ring();
    },
    departed,
  };
}
