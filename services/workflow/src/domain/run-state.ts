import * as im from 'immutable';
import { type BlockState, beginBlock, endFrame, haltBlock, withoutBlock } from './fold-blocks.ts';
import { answered, type Effect, failEffects, register, setEffect, startRollback } from './fold-effects.ts';
import type { Failure, Recorded, StepError, Suspended, Undoing, Visit } from './journal.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { frameOf, visitKey } from './path.ts';
import { retried } from './retry.ts';
import type { Signals } from './signals.ts';

export type InstanceStatus = 'pending' | 'running' | 'paused' | 'completed' | Failure;
export type CompensationState = 'none' | 'running' | 'complete' | 'stuck';

/** A step that was started and has no outcome yet. */
export interface OpenStep extends Visit {
  readonly input: JsonValue;
  /** The outside is not asked: a command brings the outcome, or it comes by itself at `wakeAt`. */
  readonly suspended: Suspended | undefined;
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
  /** The step is to be taken once more, with these changes to what it asks. */
  | { readonly state: 'retry'; readonly stepId: string; readonly input: JsonObject | undefined }
  | { readonly state: 'open'; readonly stepId: string }
  /** `wrote`: to the context what it writes there. */
  | { readonly state: 'completed'; readonly stepId: string; readonly wrote?: true }
  | { readonly state: 'caught'; readonly stepId: string; readonly next: string }
  | { readonly state: 'failed'; readonly error: FrameError };

export interface FrameError extends StepError, Visit {
  /** Where it failed: inside of the step, where that is a block. */
  readonly cause: string;
  /** How many effects were registered when the step was started. */
  readonly effectsBefore: number;
}

/** What a journal says, folded. Persistent: the next state shares what did not change with the one before. */
export interface RunState {
  readonly input: JsonObject;
  readonly startedAt: string;
  readonly firstStepAt: string | undefined;
  readonly endedAt: string | undefined;
  readonly output: JsonObject | undefined;
  /** What steps have written for each other; undefined: nothing yet. */
  readonly context: JsonObject | undefined;
  /** By name; the root's is empty. */
  readonly frames: im.Map<string, Frame>;
  /** The frames whose step has its outcome: they can be moved on. */
  readonly ready: im.OrderedSet<string>;
  /** Blocks under way, by path. */
  readonly blocks: im.Map<string, BlockState>;
  /** The blocks that can start a frame, or are decided. */
  readonly turning: im.OrderedSet<string>;
  /** By visit, in the order in which they were started; blocks are not among them. */
  readonly open: im.OrderedMap<string, OpenStep>;
  /** Those of the open steps that wait. */
  readonly waiting: im.OrderedSet<string>;
  /** How often each step was visited in the whole run, by path. */
  readonly visits: im.Map<string, number>;
  /** Ids of the steps that were completed at least once. */
  readonly done: im.Set<string>;
  /** How many effects were registered when a step of the root was completed, by step id. */
  readonly marks: im.Map<string, number>;
  /** Steps at the root in the order in which they were begun, with how many effects there were by then. */
  readonly begun: im.List<{ readonly stepId: string; readonly effects: number }>;
  /** From when the run's time limit counts: its start, or its last retry. RFC 3339. */
  readonly clockFrom: string;
  readonly paused: boolean;
  readonly signals: Signals;
  /** Signals that were ever received: the next one's number. */
  readonly signalCount: number;
  readonly cancel: ({ readonly reason: string } & Undoing) | undefined;
  /** The run has ended, and what it did and kept is taken back. */
  readonly takenBack: boolean;
  readonly failing:
    | (StepError & { readonly failure: Failure; readonly path?: string; readonly keeps?: number })
    | undefined;
  /** In the order in which they were registered. */
  readonly effects: im.List<Effect>;
  /** Their places in that list, by visit. */
  readonly effectAt: im.Map<string, number>;
  /** From this place on, no effect is registered and not yet being undone. Counts once the run is failing. */
  readonly undoneFrom: number;
  /** Effects that are being undone while the run goes on, the next one first; by the visit that waits for it. */
  readonly rollbacks: im.OrderedMap<string, im.List<number>>;
  readonly undoing: im.OrderedSet<number>;
  /** Undos that keep failing, and effects that are unresolved: somebody has to look at them. */
  readonly stuck: im.OrderedSet<number>;
  /** How many effects are undone. */
  readonly undone: number;
  /** How many effects the failed run keeps, by its savepoint. */
  readonly kept: number;
  readonly ended: boolean;
  /** Everything is done, undos that were stuck when the run ended included. */
  readonly settled: boolean;
}

export const emptyFrame: Frame = { facts: im.Map(), visits: im.Map(), at: { state: 'start' } };

export const emptyState: RunState = {
  input: {},
  startedAt: '',
  firstStepAt: undefined,
  endedAt: undefined,
  output: undefined,
  context: undefined,
  frames: im.Map([['', emptyFrame]]),
  ready: im.OrderedSet(['']),
  blocks: im.Map(),
  turning: im.OrderedSet(),
  open: im.OrderedMap(),
  waiting: im.OrderedSet(),
  visits: im.Map(),
  done: im.Set(),
  marks: im.Map(),
  begun: im.List(),
  clockFrom: '',
  paused: false,
  signals: im.OrderedMap(),
  signalCount: 0,
  cancel: undefined,
  takenBack: false,
  failing: undefined,
  effects: im.List(),
  effectAt: im.Map(),
  undoneFrom: 0,
  rollbacks: im.OrderedMap(),
  undoing: im.OrderedSet(),
  stuck: im.OrderedSet(),
  undone: 0,
  kept: 0,
  ended: false,
  settled: false,
};

export function foldJournal(journal: readonly Recorded[]): RunState {
  return journal.reduce(applyEntry, emptyState);
}

export function applyEntry(state: RunState, entry: Recorded): RunState {
  switch (entry.kind) {
    case 'instance_started':
      return { ...state, input: entry.input, startedAt: entry.occurredAt, clockFrom: entry.occurredAt };
    case 'step_started':
      return begin(state, entry);
    case 'step_completed': {
      const known = entry.attempts === 1 ? answered(state, entry) : state;
      const closed = close(known, entry, { state: 'completed', stepId: entry.stepId });
      const after = withFacts(closed, entry, { ...entry.facts, visit: entry.visit });
      const marks = frameOf(entry.path) === '' ? state.marks.set(entry.stepId, state.effects.size) : state.marks;
      const signals = entry.signal === undefined ? state.signals : state.signals.remove(entry.signal);
      return { ...after, marks, signals, done: state.done.add(entry.stepId) };
    }
    case 'step_failed': {
      const { path, stepId, visit, reason, message, cause = path } = entry;
      const effectsBefore =
        state.blocks.get(path)?.effectsBefore ?? state.effectAt.get(visitKey(entry), state.effects.size);
      return close(entry.refused ? answered(state, entry) : state, entry, {
        state: 'failed',
        error: { path, stepId, visit, reason, message, cause, effectsBefore },
      });
    }
    case 'step_caught': {
      const { stepId, next, reason, message, visit } = entry;
      const name = frameOf(entry.path);
      const frame = state.frames.get(name, emptyFrame);
      const frames = state.frames.set(name, { ...frame, at: { state: 'caught', stepId, next } });
      const ready = state.rollbacks.has(visitKey(entry)) ? state.ready.remove(name) : state.ready.add(name);
      return withFacts({ ...state, frames, ready }, entry, { error: { reason, message }, visit });
    }
    case 'context_begun':
      return { ...state, context: entry.values };
    case 'context_written': {
      const name = frameOf(entry.path);
      const frame = state.frames.get(name, emptyFrame);
      const at = { state: 'completed', stepId: entry.stepId, wrote: true } as const;
      const context = { ...state.context, ...entry.values };
      return { ...state, context, frames: state.frames.set(name, { ...frame, at }) };
    }
    case 'frame_completed':
    case 'frame_failed':
      return endFrame(state, entry);
    case 'rollback_started':
      return startRollback(haltBlock(state, entry.path), entry);
    case 'cancel_requested':
      return { ...state, cancel: entry };
    case 'approval_decided':
    case 'approval_delegated':
      return state;
    case 'instance_paused':
    case 'instance_resumed':
      return { ...state, paused: entry.kind === 'instance_paused' };
    case 'instance_retried':
      return retried(state, entry);
    case 'undo_requested':
      return failEffects({ ...state, takenBack: true, settled: false }, 0);
    case 'signal_received': {
      const { name, payload, sentBy, occurredAt } = entry;
      const signals = state.signals.set(state.signalCount, { name, payload, sentBy, sentAt: occurredAt });
      return { ...state, signals, signalCount: state.signalCount + 1 };
    }
    case 'instance_failing':
      return failEffects({ ...state, failing: entry }, entry.keeps ?? 0);
    case 'undo_started':
    case 'undo_retried':
      return setEffect(state, entry, 'undoing');
    case 'undo_skipped':
      return setEffect(state, entry, 'skipped');
    case 'undo_completed':
      return setEffect(state, entry, entry.unresolved ? 'unresolved' : 'undone');
    case 'undo_failed':
      return setEffect(state, entry, 'stuck');
    case 'instance_completed':
      return end({ ...state, output: entry.output }, entry);
    case 'instance_failed':
    case 'instance_cancelled':
    case 'instance_timed_out':
      return end(state, entry);
    case 'compensation_completed':
      return { ...state, settled: true };
  }
}

function end(state: RunState, { occurredAt }: Recorded): RunState {
  return { ...state, ended: true, endedAt: occurredAt, settled: state.stuck.isEmpty() };
}

function begin(state: RunState, entry: Recorded & { readonly kind: 'step_started' }): RunState {
  const { path, stepId, visit, input, suspended, undo, block } = entry;
  const key = visitKey(entry);
  const name = frameOf(path);
  const frame = state.frames.get(name, emptyFrame);
  const begun: RunState = {
    ...state,
    firstStepAt: state.firstStepAt ?? entry.occurredAt,
    visits: state.visits.set(path, visit),
    frames: state.frames.set(name, {
      ...frame,
      visits: frame.visits.set(stepId, frame.visits.get(stepId, 0) + 1),
      at: { state: 'open', stepId },
    }),
    begun: name === '' ? state.begun.push({ stepId, effects: state.effects.size }) : state.begun,
    ready: state.ready.remove(name),
    open: block === undefined ? state.open.set(key, { path, stepId, visit, input, suspended }) : state.open,
    waiting: suspended === undefined ? state.waiting : state.waiting.add(key),
  };
  const registered =
    undo === undefined ? begun : register(begun, { path, stepId, visit, undo, state: 'registered', inDoubt: true });
  return beginBlock(registered, entry);
}

function close(state: RunState, at: Visit, cursor: Cursor): RunState {
  const name = frameOf(at.path);
  const frame = state.frames.get(name);
  const closed = withoutBlock(state, at.path);
  const key = visitKey(at);
  return {
    ...closed,
    open: closed.open.remove(key),
    waiting: closed.waiting.remove(key),
    ...(frame === undefined
      ? {}
      : { frames: closed.frames.set(name, { ...frame, at: cursor }), ready: closed.ready.add(name) }),
  };
}

function withFacts(state: RunState, { path, stepId }: Visit, facts: JsonObject): RunState {
  const name = frameOf(path);
  const frame = state.frames.get(name, emptyFrame);
  return { ...state, frames: state.frames.set(name, { ...frame, facts: frame.facts.set(stepId, facts) }) };
}

/** The status of a run in the words of its row. */
export function statusOf(state: RunState): InstanceStatus {
  if (state.failing !== undefined) return state.failing.failure;
  if (state.ended) return 'completed';
  if (state.paused) return 'paused';
  return state.firstStepAt === undefined ? 'pending' : 'running';
}

export function compensationOf(state: RunState): CompensationState {
  if (state.failing === undefined && !state.takenBack) {
    if (!state.rollbacks.isEmpty()) return 'running';
    if (!state.stuck.isEmpty()) return 'stuck';
    return state.undone > 0 ? 'complete' : 'none';
  }
  const left = state.effects.size - state.undone - state.kept;
  if (left === 0) return state.undone > 0 ? 'complete' : 'none';
  return left === state.stuck.size && state.ended ? 'stuck' : 'running';
}
