import * as im from 'immutable';
import type { Failure, JournalEntry, Recorded, StepError, UndoPlan, Visit } from './journal.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { frameOf, visitKey } from './path.ts';

export type InstanceStatus = 'pending' | 'running' | 'paused' | 'completed' | Failure;
export type CompensationState = 'none' | 'running' | 'complete' | 'stuck';

/** An effect that happened, or may have, and its undo. */
export interface Effect extends Visit {
  readonly undo: UndoPlan;
  readonly state: 'registered' | 'undoing' | 'undone' | 'stuck';
}

/** A step that was started and has no outcome yet. */
export interface OpenStep extends Visit {
  readonly input: JsonValue;
  /** The outside is not asked: a command brings the outcome, or it comes by itself at `wakeAt`. */
  readonly suspended: { readonly wakeAt?: string } | undefined;
}

/** A sequence of steps that is gone through: that of the run itself, of a branch, of an item. */
export interface Frame {
  /** What the last finished visit of each step left. */
  readonly facts: im.Map<string, JsonObject>;
  /** How often each step was visited here. */
  readonly visits: im.Map<string, number>;
  readonly at: Cursor;
}

export type Cursor =
  | { readonly state: 'start' }
  | { readonly state: 'open'; readonly stepId: string }
  | { readonly state: 'completed'; readonly stepId: string }
  | { readonly state: 'failed'; readonly error: StepError & { readonly path: string; readonly stepId: string } };

/** What a journal says, folded. Persistent: the next state shares what did not change with the one before. */
export interface RunState {
  readonly input: JsonObject;
  readonly startedAt: string;
  readonly firstStepAt: string | undefined;
  readonly endedAt: string | undefined;
  readonly output: JsonObject | undefined;
  /** By name; the root's is empty. */
  readonly frames: im.Map<string, Frame>;
  /** The frames whose step has its outcome: they can be moved on. */
  readonly ready: im.OrderedSet<string>;
  /** By visit, in the order in which they were started. */
  readonly open: im.OrderedMap<string, OpenStep>;
  /** How often each step was visited in the whole run, by path. */
  readonly visits: im.Map<string, number>;
  /** Ids of the steps that were completed at least once. */
  readonly done: im.Set<string>;
  readonly cancel: { readonly reason: string } | undefined;
  readonly failing: (StepError & { readonly failure: Failure; readonly path?: string }) | undefined;
  /** In the order in which they were registered. */
  readonly effects: im.List<Effect>;
  readonly ended: boolean;
  /** Everything is done, undos that were stuck when the run ended included. */
  readonly settled: boolean;
}

const emptyFrame: Frame = { facts: im.Map(), visits: im.Map(), at: { state: 'start' } };

export const emptyState: RunState = {
  input: {},
  startedAt: '',
  firstStepAt: undefined,
  endedAt: undefined,
  output: undefined,
  frames: im.Map([['', emptyFrame]]),
  ready: im.OrderedSet(['']),
  open: im.OrderedMap(),
  visits: im.Map(),
  done: im.Set(),
  cancel: undefined,
  failing: undefined,
  effects: im.List(),
  ended: false,
  settled: false,
};

export function foldJournal(journal: readonly Recorded[]): RunState {
  return journal.reduce(applyEntry, emptyState);
}

export function applyEntry(state: RunState, entry: Recorded): RunState {
  switch (entry.kind) {
    case 'instance_started':
      return { ...state, input: entry.input, startedAt: entry.occurredAt };
    case 'step_started':
      return begin(state, entry);
    case 'step_completed':
      return {
        ...close(state, entry, { state: 'completed', stepId: entry.stepId }, { ...entry.facts, visit: entry.visit }),
        done: state.done.add(entry.stepId),
      };
    case 'step_failed': {
      const { path, stepId, reason, message } = entry;
      return close(state, entry, { state: 'failed', error: { path, stepId, reason, message } });
    }
    case 'cancel_requested':
      return { ...state, cancel: { reason: entry.reason } };
    case 'instance_failing':
      return { ...state, failing: entry };
    case 'undo_started':
      return withEffect(state, entry, 'undoing');
    case 'undo_completed':
      return withEffect(state, entry, 'undone');
    case 'undo_failed':
      return withEffect(state, entry, 'stuck');
    case 'instance_completed':
      return { ...state, ended: true, settled: true, endedAt: entry.occurredAt, output: entry.output };
    case 'instance_failed':
    case 'instance_cancelled':
    case 'instance_timed_out':
      return {
        ...state,
        ended: true,
        endedAt: entry.occurredAt,
        settled: state.effects.every((effect) => effect.state === 'undone'),
      };
    case 'compensation_completed':
      return { ...state, settled: true };
  }
}

function begin(state: RunState, entry: Recorded & { readonly kind: 'step_started' }): RunState {
  const { path, stepId, visit, input, suspended, undo } = entry;
  const name = frameOf(path);
  const frame = state.frames.get(name, emptyFrame);
  return {
    ...state,
    firstStepAt: state.firstStepAt ?? entry.occurredAt,
    visits: state.visits.set(path, visit),
    frames: state.frames.set(name, {
      ...frame,
      visits: frame.visits.set(stepId, frame.visits.get(stepId, 0) + 1),
      at: { state: 'open', stepId },
    }),
    ready: state.ready.remove(name),
    open: state.open.set(visitKey(entry), { path, stepId, visit, input, suspended }),
    effects:
      undo === undefined ? state.effects : state.effects.push({ path, stepId, visit, undo, state: 'registered' }),
  };
}

function close(state: RunState, { path, stepId, visit }: Visit, at: Cursor, facts?: JsonObject): RunState {
  const name = frameOf(path);
  const frame = state.frames.get(name, emptyFrame);
  return {
    ...state,
    frames: state.frames.set(name, {
      ...frame,
      at,
      facts: facts === undefined ? frame.facts : frame.facts.set(stepId, facts),
    }),
    ready: state.ready.add(name),
    open: state.open.remove(visitKey({ path, visit })),
  };
}

function withEffect(state: RunState, at: Visit, to: Effect['state']): RunState {
  const index = state.effects.findLastIndex(({ path, visit }) => path === at.path && visit === at.visit);
  return { ...state, effects: state.effects.update(index, (effect) => effect && { ...effect, state: to }) };
}

/** The status of a run in the words of its row. */
export function statusOf(state: RunState): InstanceStatus {
  if (state.failing !== undefined) return state.failing.failure;
  if (state.ended) return 'completed';
  return state.firstStepAt === undefined ? 'pending' : 'running';
}

export function compensationOf(state: RunState): CompensationState {
  if (state.failing === undefined || state.effects.isEmpty()) return 'none';
  if (state.effects.every((effect) => effect.state === 'undone')) return 'complete';
  return state.ended ? 'stuck' : 'running';
}

/** Whether an entry of this kind is the last word on a run, stuck undos apart. */
export function endsRun(kind: JournalEntry['kind']): boolean {
  return ['instance_completed', 'instance_failed', 'instance_cancelled', 'instance_timed_out'].includes(kind);
}
