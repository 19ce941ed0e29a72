import { AppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import { insertEndedGrant } from '../db/grant-repository.ts';
import { type Birth, type Instance, lockInstance } from '../db/instance-repository.ts';
import { readJournal } from '../db/journal-repository.ts';
import { writeMove } from '../db/move-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Definition } from '../domain/definition.ts';
import { viewOf } from '../domain/instance.ts';
import type { Recorded } from '../domain/journal.ts';
import { applyEntry, emptyState, type RunState } from '../domain/run-state.ts';
import type { Moving } from './advance.ts';
import { followEntry } from './follow-entry.ts';
import { eventOf, taskMoves } from './project-entries.ts';

/**
 * A run as whoever moves it knows it: its row is locked, so that nobody else writes its journal until the transaction ends, or
 * a lane has it for itself.
 */
export interface Run {
  readonly instance: Instance;
  readonly definition: Definition;
  readonly state: RunState;
  /** Until its first move is written: its row is not there yet. */
  readonly birth?: Birth;
}

/** What a run's expressions know of it. */
export function factsOf({ id, workflowId, workflowSlug, workflowVersion, createdBy }: Instance) {
  return { id, workflowId, workflowSlug, workflowVersion, startedBy: createdBy };
}

export async function lockRun(
  { definitions, states }: Moving,
  tx: Tx<Schema>,
  instanceId: string,
  /** What the caller knows of the run: where nobody has written its journal since, nothing more is read. */
  known?: Pick<Run, 'instance' | 'state'>,
): Promise<Run> {
  const instance = await lockInstance(tx, instanceId);
  if (instance === undefined) throw new AppError('not_found', 'INSTANCE_NOT_FOUND', 'There is no such run.');
  const definition = await definitions.ofVersion(tx, instance.workflowId, instance.workflowVersion);
  if (instance.journalLength === known?.instance.journalLength) return { instance, definition, state: known.state };
  let { length, state, bytes } = states.get(instanceId);
  if (length === 0 && instance.journalLength === 1) return { instance, definition, state: justStarted(instance) };
  while (length < instance.journalLength) {
    const { entries, bytes: read } = await readJournal(tx, instanceId, length);
    if (entries.length === 0) throw new Error(`The journal of ${instanceId} is shorter than its row says.`);
    for (const entry of entries) state = applyEntry(state, entry);
    length += entries.length;
    bytes += read;
  }
  // Only what others committed, or we did before: this transaction may yet be rolled back.
  states.keep(instanceId, { length, state, bytes });
  return { instance, definition, state };
}

/** What the first entry of a journal says is in the row, too. */
function justStarted({ input, createdAt }: Instance): RunState {
  return applyEntry(emptyState, { kind: 'instance_started', input, occurredAt: createdAt.toISOString() });
}

/**
 * Appends entries to the journal of a run and brings everything derived from it up to date: its row, tasks, undos, events.
 * The transaction fails with STALE_DRIVER when another driver has taken the run over since this epoch, or somebody else has
 * written the journal.
 */
export async function record(
  moving: Moving,
  tx: Tx<Schema>,
  run: Run,
  epoch: number,
  entries: readonly Recorded[],
  /** Whether the steps that are begun are performed at once, so that their first attempts are counted. */
  performs = false,
): Promise<Run> {
  if (epoch !== run.instance.driverEpoch) throw staleDriver();
  if (entries.length === 0) return run;
  const { instance, definition, birth } = run;
  const { id, journalLength: length } = instance;
  let state = run.state;
  const states = entries.map((entry) => {
    state = applyEntry(state, entry);
    return state;
  });
  const contextChanged = state.context !== run.state.context;
  const view = { ...viewOf(state), contextChanged, journalLength: length + entries.length };
  const after: Run = { definition, state, instance: { ...instance, ...view, revision: instance.revision + 1 } };
  const runAt = (index: number): Run => ({ ...after, state: states[index] ?? state });
  const tasks = taskMoves(definition, length, entries, performs);
  const events = entries.flatMap((entry) => eventOf(after, entry) ?? []);
  const caused = tx.causedBy(instance.causationDepth);
  writeMove(caused, { instanceId: id, birth, known: { epoch, length }, entries, view, tasks, events }, staleDriver);
  tx.afterCommit(() => moving.news.tell({ instance: after.instance, behind: length, entries }));
  // A grant ends with a change of its run's row; of this one there is none.
  if (birth !== undefined && state.settled && instance.parent === undefined)
    await insertEndedGrant(tx, instance.grantId);
  const early: Recorded[] = [];
  for (const [index, entry] of entries.entries()) {
    const outcome = await followEntry(tx, moving.performers, runAt(index), entry);
    if (outcome !== undefined) early.push({ ...outcome, occurredAt: entry.occurredAt });
  }
  return record(moving, tx, after, epoch, early);
}

export function staleDriver(): AppError {
  return new AppError('aborted', 'STALE_DRIVER', 'Another driver has taken this run over.');
}
