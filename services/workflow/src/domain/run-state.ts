import type { Failure, JournalEntry, Recorded, StepError, UndoPlan } from './journal.ts';
import type { JsonObject } from './json.ts';

export type InstanceStatus = 'pending' | 'running' | 'paused' | 'completed' | Failure;
export type CompensationState = 'none' | 'running' | 'complete' | 'stuck';

/** An effect that happened, or may have, and its undo. */
export interface Effect {
  readonly stepId: string;
  readonly visit: number;
  readonly undo: UndoPlan;
  readonly state: 'registered' | 'undoing' | 'undone' | 'stuck';
}

/** What a journal says, folded. */
export interface RunState {
  readonly input: JsonObject;
  readonly startedAt: string;
  readonly firstStepAt: string | undefined;
  readonly endedAt: string | undefined;
  readonly output: JsonObject | undefined;
  /** How often each step was visited. */
  readonly visits: ReadonlyMap<string, number>;
  /** What the last finished visit of each step left. */
  readonly facts: ReadonlyMap<string, JsonObject>;
  /** The step that was started and has no result yet. */
  readonly open: { readonly stepId: string; readonly visit: number } | undefined;
  /** The step that finished last: from where the run goes on. */
  readonly lastCompleted: string | undefined;
  readonly stepError: (StepError & { readonly stepId: string }) | undefined;
  readonly cancel: { readonly reason: string } | undefined;
  readonly failing: (StepError & { readonly failure: Failure; readonly stepId?: string }) | undefined;
  /** In the order in which they were registered. */
  readonly effects: readonly Effect[];
  readonly ended: boolean;
  /** Everything is done, undos that were stuck when the run ended included. */
  readonly settled: boolean;
}

export const emptyState: RunState = {
  input: {},
  startedAt: '',
  firstStepAt: undefined,
  endedAt: undefined,
  output: undefined,
  visits: new Map(),
  facts: new Map(),
  open: undefined,
  lastCompleted: undefined,
  stepError: undefined,
  cancel: undefined,
  failing: undefined,
  effects: [],
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
      return {
        ...state,
        firstStepAt: state.firstStepAt ?? entry.occurredAt,
        visits: new Map(state.visits).set(entry.stepId, entry.visit),
        open: { stepId: entry.stepId, visit: entry.visit },
        effects:
          entry.undo === undefined
            ? state.effects
            : [...state.effects, { stepId: entry.stepId, visit: entry.visit, undo: entry.undo, state: 'registered' }],
      };
    case 'step_completed':
      return {
        ...state,
        open: undefined,
        lastCompleted: entry.stepId,
        facts: new Map(state.facts).set(entry.stepId, { ...entry.facts, visit: entry.visit }),
      };
    case 'step_failed':
      return {
        ...state,
        open: undefined,
        stepError: { stepId: entry.stepId, reason: entry.reason, message: entry.message },
      };
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

function withEffect(state: RunState, at: { stepId: string; visit: number }, to: Effect['state']): RunState {
  return {
    ...state,
    effects: state.effects.map((effect) =>
      effect.stepId === at.stepId && effect.visit === at.visit ? { ...effect, state: to } : effect,
    ),
  };
}

/** The status of a run in the words of its row. */
export function statusOf(state: RunState): InstanceStatus {
  if (state.failing !== undefined) return state.failing.failure;
  if (state.ended) return 'completed';
  return state.visits.size === 0 ? 'pending' : 'running';
}

export function compensationOf(state: RunState): CompensationState {
  if (state.failing === undefined || state.effects.length === 0) return 'none';
  if (state.effects.every((effect) => effect.state === 'undone')) return 'complete';
  return state.ended ? 'stuck' : 'running';
}

/** Whether an entry of this kind is the last word on a run, stuck undos apart. */
export function endsRun(kind: JournalEntry['kind']): boolean {
  return ['instance_completed', 'instance_failed', 'instance_cancelled', 'instance_timed_out'].includes(kind);
}
