import type { Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { type Action, interpret } from '../domain/interpret.ts';
import type { JournalEntry } from '../domain/journal.ts';
import type { Definitions } from './definitions.ts';
import { lockRun, type Run, record } from './run.ts';

/** What moving a run on needs from outside. */
export interface Moving {
  readonly definitions: Definitions;
  readonly now: () => Date;
}

/** Asks the interpreter what is next, journals what is about to happen, and answers it. Asked again, it answers the same and writes nothing. */
export async function advance(
  moving: Moving,
  tx: Tx<Schema>,
  instanceId: string,
  epoch: number,
): Promise<readonly Action[]> {
  return moveOn(moving, tx, await lockRun(tx, moving.definitions, instanceId), epoch);
}

/** Journals the outcome of something that was under way, if any, and what is about to happen after it. */
export async function moveOn(
  { now }: Moving,
  tx: Tx<Schema>,
  run: Run,
  epoch: number,
  outcome?: JournalEntry,
): Promise<readonly Action[]> {
  const news = outcome === undefined ? [] : [{ ...outcome, occurredAt: now().toISOString() }];
  const informed = await record(tx, run, epoch, news);
  const { workflowId, workflowSlug, workflowVersion, id, createdBy } = informed.instance;
  const facts = { id, workflowId, workflowSlug, workflowVersion, startedBy: createdBy };
  const { entries, actions } = interpret(informed.definition, facts, informed.state, now());
  await record(tx, informed, epoch, entries);
  return actions;
}
