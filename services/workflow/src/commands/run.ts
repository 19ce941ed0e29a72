import type { DescMessage } from '@bufbuild/protobuf';
import { AppError } from '@flotilla/errors';
import { appendEvents, type NewEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { type Instance, lockInstance, saveView } from '../db/instance-repository.ts';
import { appendJournal, readJournal } from '../db/journal-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Definition } from '../domain/definition.ts';
import { viewOf } from '../domain/instance.ts';
import type { Recorded } from '../domain/journal.ts';
import { applyEntry, type RunState } from '../domain/run-state.ts';
import type { Moving } from './advance.ts';
import { type Projection, projectEntry } from './project-entry.ts';

/**
 * A run as whoever moves it knows it: its row is locked, so that nobody else writes its journal until the transaction ends, or
 * a lane has it for itself.
 */
export interface Run {
  readonly instance: Instance;
  readonly definition: Definition;
  readonly state: RunState;
}

/** What a run's expressions know of it. */
export function factsOf({ id, workflowId, workflowSlug, workflowVersion, createdBy }: Instance) {
  return { id, workflowId, workflowSlug, workflowVersion, startedBy: createdBy };
}

export async function lockRun({ definitions, states }: Moving, tx: Tx<Schema>, instanceId: string): Promise<Run> {
  const instance = await lockInstance(tx, instanceId);
  if (instance === undefined) throw new AppError('not_found', 'INSTANCE_NOT_FOUND', 'There is no such run.');
  const definition = await definitions.ofVersion(tx, instance.workflowId, instance.workflowVersion);
  let { length, state, bytes } = states.get(instanceId);
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

/**
 * Appends entries to the journal of a run and brings everything derived from it up to date: its row, tasks, undos, events.
 * Throws STALE_DRIVER when another driver has taken the run over since this epoch, or somebody else has written the journal.
 */
export async function record(
  moving: Moving,
  tx: Tx<Schema>,
  run: Run,
  epoch: number,
  entries: readonly Recorded[],
): Promise<Run> {
  if (epoch !== run.instance.driverEpoch) throw staleDriver();
  if (entries.length === 0) return run;
  const { instance } = run;
  const journalLength = instance.journalLength + entries.length;
  let state = run.state;
  const written = entries.map((entry) => {
    state = applyEntry(state, entry);
    return { entry, state };
  });
  const view = { ...viewOf(state), journalLength };
  // The one statement that is waited for: it holds only who knows the run as it is.
  if (!(await saveView(tx, instance.id, view, { epoch, length: instance.journalLength }))) throw staleDriver();
  appendJournal(tx, tx.scope.tenantId, instance.id, instance.journalLength, entries);
  const after: Run = {
    definition: run.definition,
    state,
    instance: { ...instance, ...view, revision: instance.revision + 1 },
  };
  const events: NewEvent<DescMessage>[] = [];
  const announce: Projection['announce'] = (event) => void events.push(event as NewEvent<DescMessage>);
  const early: Recorded[] = [];
  for (const [index, { entry, state: then }] of written.entries()) {
    const seq = instance.journalLength + index + 1;
    const projection = { tx, performers: moving.performers, announce, seq };
    const outcome = await projectEntry(projection, { ...after, state: then }, entry);
    if (outcome !== undefined) early.push({ ...outcome, occurredAt: entry.occurredAt });
  }
  appendEvents(tx.causedBy(instance.causationDepth), instance.id, events);
  return record(moving, tx, after, epoch, early);
}

export function staleDriver(): AppError {
  return new AppError('aborted', 'STALE_DRIVER', 'Another driver has taken this run over.');
}
