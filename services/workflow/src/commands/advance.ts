import type { Tx } from '@flotilla/postgres';
import { clearWake } from '../db/driver-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Action } from '../domain/action.ts';
import { interpret } from '../domain/interpret.ts';
import type { JournalEntry, Recorded } from '../domain/journal.ts';
import { applyEntry } from '../domain/run-state.ts';
import type { Performers } from '../steps/performer.ts';
import type { Definitions } from './definitions.ts';
import { factsOf, lockRun, type Run, record } from './run.ts';
import type { RunStates } from './run-states.ts';

/** What moving a run on needs from outside. */
export interface Moving {
  readonly definitions: Definitions;
  readonly performers: Performers;
  readonly states: RunStates;
  readonly now: () => Date;
}

/** What is under way in a run after a move. Of two answers the one with the longer journal is the newer one. */
export interface Moved {
  readonly length: number;
  readonly actions: readonly Action[];
  /** The move was ended before its end, to be no long transaction: ask again at once. */
  readonly more: boolean;
}

/** Asks the interpreter what is next, journals what is about to happen, and answers all that is under way. Asked again, it answers the same and writes nothing. */
export async function advance(moving: Moving, tx: Tx<Schema>, instanceId: string, epoch: number): Promise<Moved> {
  return driveOn(moving, tx, await lockRun(moving, tx, instanceId), epoch);
}

/** A driver moves the run on, and is told everything by the answer. */
export async function driveOn(
  moving: Moving,
  tx: Tx<Schema>,
  run: Run,
  epoch: number,
  outcome?: JournalEntry,
): Promise<Moved> {
  const { run: after, actions, more } = await moveOn(moving, tx, run, epoch, outcome);
  if (after.instance.wakeWanted) await clearWake(tx, run.instance.id);
  return { length: after.instance.journalLength, actions, more };
}

/** Journals the outcome of something that was under way, if any, and what is about to happen after it. */
export async function moveOn(
  moving: Moving,
  tx: Tx<Schema>,
  run: Run,
  epoch: number,
  outcome?: JournalEntry,
): Promise<{ readonly run: Run; readonly actions: readonly Action[]; readonly more: boolean }> {
  const at = moving.now();
  const news: Recorded[] = outcome === undefined ? [] : [{ ...outcome, occurredAt: at.toISOString() }];
  const { definition, instance } = run;
  const next = interpret(definition, factsOf(instance), news.reduce(applyEntry, run.state), at);
  const after = await record(moving, tx, run, epoch, [...news, ...next.entries]);
  return { run: after, actions: next.actions, more: next.more };
}
