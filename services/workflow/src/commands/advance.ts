import type { Tx } from '@flotilla/postgres';
import { clearWake } from '../db/driver-repository.ts';
import type { Instance } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Action } from '../domain/action.ts';
import { interpret } from '../domain/interpret.ts';
import type { JournalEntry, Recorded } from '../domain/journal.ts';
import { applyEntry } from '../domain/run-state.ts';
import type { Performers } from '../steps/performer.ts';
import type { Definitions } from './definitions.ts';
import type { News } from './news.ts';
import { factsOf, lockRun, type Run, record } from './run.ts';
import type { RunStates } from './run-states.ts';

/** What moving a run on needs from outside. */
export interface Moving {
  readonly definitions: Definitions;
  readonly performers: Performers;
  readonly states: RunStates;
  readonly now: () => Date;
  /** Hears what is written into journals. */
  readonly news: News;
  /** A run has ended: the step of another run that started it is told, in the same transaction. */
  readonly ended: (tx: Tx<Schema>, instance: Instance) => Promise<void>;
  /** Whether whoever makes a move performs what it begins at once. Nobody does unless it says so. */
  readonly performs?: (
    before: Run,
    after: Pick<Run, 'definition' | 'state'>,
    next: Pick<Moved, 'actions' | 'more'>,
  ) => boolean;
}

/** What is under way in a run after a move. Of two answers the one with the longer journal is the newer one. */
export interface Moved {
  readonly length: number;
  readonly actions: readonly Action[];
  /** The move was ended before its end, to be no long transaction: ask again at once. */
  readonly more: boolean;
}

/** What came of a move of a driver. */
export interface Driven extends Moved {
  /** The run after it, and before. */
  readonly run: Run;
  readonly before: Run;
}

/** Asks the interpreter what is next, journals what is about to happen, and answers all that is under way. Asked again, it answers the same and writes nothing. */
export async function advance(moving: Moving, tx: Tx<Schema>, instanceId: string, epoch: number): Promise<Driven> {
  return driveOn(moving, tx, await lockRun(moving, tx, instanceId), epoch);
}

/** A driver moves the run on, and is told everything by the answer. */
export async function driveOn(
  moving: Moving,
  tx: Tx<Schema>,
  run: Run,
  epoch: number,
  ...outcomes: readonly JournalEntry[]
): Promise<Driven> {
  const { run: after, actions, more } = await moveOn(moving, tx, run, epoch, ...outcomes);
  if (after.instance.wakeWanted) await clearWake(tx, run.instance.id);
  return { length: after.instance.journalLength, actions, more, run: after, before: run };
}

/** Journals the outcomes of what was under way, if any, and what is about to happen after them. */
export async function moveOn(
  moving: Moving,
  tx: Tx<Schema>,
  run: Run,
  epoch: number,
  ...outcomes: readonly JournalEntry[]
): Promise<{ readonly run: Run; readonly actions: readonly Action[]; readonly more: boolean }> {
  const at = moving.now();
  const news: Recorded[] = outcomes.map((outcome) => ({ ...outcome, occurredAt: at.toISOString() }));
  const { definition, instance } = run;
  const facts = factsOf(instance);
  let after = run;
  for (let first = news; ; first = []) {
    const { entries, state, actions, more } = interpret(definition, facts, first.reduce(applyEntry, after.state), at);
    const performs = moving.performs?.(after, { definition, state }, { actions, more });
    const length = after.instance.journalLength + first.length + entries.length;
    after = await record(moving, tx, after, epoch, [...first, ...entries], performs);
    // A step may have come to something as soon as it waited.
    if (after.instance.journalLength > length) continue;
    if (after.state.ended && !run.state.ended) await moving.ended(tx, after.instance);
    return { run: after, actions, more };
  }
}
