import { AppError } from '@flotilla/errors';
import { type Definition, stepOf } from './definition.ts';
import type { Failure, JournalEntry, Recorded, StepError } from './journal.ts';
import { type JsonObject, sizeOf } from './json.ts';
import { applyEntry, type Effect, type RunState } from './run-state.ts';
import { effectKey, type RunFacts, type Scope } from './scope.ts';
import { type Conclusion, END, FAIL, type RetryPolicy, type Step } from './step-kind.ts';

/** What a driver has to do next. Several undos may be done side by side; a step is always alone. */
export type Action =
  | {
      readonly type: 'step';
      readonly stepId: string;
      readonly visit: number;
      readonly retry: RetryPolicy;
      readonly timeoutMs: number;
    }
  | { readonly type: 'undo'; readonly stepId: string; readonly visit: number; readonly pace: 'quick' | 'slow' }
  | { readonly type: 'done' };

/** What to write into the journal, in this order, before the actions are performed. */
export interface Advance {
  readonly entries: readonly Recorded[];
  readonly state: RunState;
  readonly actions: readonly Action[];
}

/** Facts and requests of one step may have this size as JSON text. */
export const MAX_STEP_BYTES = 1024 * 1024;

/**
 * Says what happens next in a run. Pure: the same definition, journal and time give the same answer, so any driver, or the
 * same one after a crash, goes on where the journal ends. What is under way already is answered again without new entries.
 */
export function interpret(
  definition: Definition,
  run: Omit<RunFacts, 'startedAt'>,
  before: RunState,
  now: Date,
): Advance {
  const entries: Recorded[] = [];
  let state = before;
  for (;;) {
    const next = move(definition, { ...run, startedAt: state.startedAt }, state, now);
    if ('actions' in next) return { entries, state, actions: next.actions };
    for (const entry of next.entries) {
      const recorded: Recorded = { ...entry, occurredAt: now.toISOString() };
      entries.push(recorded);
      state = applyEntry(state, recorded);
    }
  }
}

type Move = { readonly entries: readonly JournalEntry[] } | { readonly actions: readonly Action[] };

function move(definition: Definition, run: RunFacts, state: RunState, now: Date): Move {
  if (state.settled) return { actions: [{ type: 'done' }] };
  if (state.failing !== undefined) return compensate(run, state, state.failing.failure);
  if (state.open !== undefined) return { actions: [perform(definition, state, now)] };
  if (state.stepError !== undefined)
    return failing(state.cancel ? 'cancelled' : 'failed', state.stepError, state.stepError.stepId);
  if (state.cancel !== undefined) return failing('cancelled', { reason: 'CANCELLED', message: state.cancel.reason });
  if (leftMs(definition, state, now) <= 0) {
    return failing('timeout', { reason: 'RUN_TIMED_OUT', message: 'The run took longer than the workflow allows.' });
  }
  if (state.lastCompleted === undefined) return enter(stepOf(definition, definition.start), run, state);
  const last = stepOf(definition, state.lastCompleted);
  const conclusion = conclude(last, state);
  if ('fail' in conclusion) return failing('failed', conclusion.fail, last.id);
  const target = 'reask' in conclusion ? conclusion.reask : conclusion.next;
  if (target === FAIL)
    return failing('failed', { reason: 'ROUTED_TO_FAILURE', message: 'The workflow led to $fail.' }, last.id);
  if (target !== END) return enter(stepOf(definition, target), run, state);
  return complete(definition, run, state);
}

function conclude(step: Step, state: RunState): Conclusion {
  const facts = state.facts.get(step.id) ?? {};
  return step.conclude?.(facts, (stepId) => state.visits.get(stepId) ?? 0) ?? { next: step.next };
}

function enter(step: Step, run: RunFacts, state: RunState): Move {
  const visit = (state.visits.get(step.id) ?? 0) + 1;
  const at = { stepId: step.id, visit };
  const scope = scopeOf(run, state);
  const started = { kind: 'step_started', ...at, stepKind: step.kind, input: null } as const;
  try {
    if (step.decide !== undefined) {
      return { entries: [started, { kind: 'step_completed', ...at, facts: step.decide(scope), attempts: 1 }] };
    }
    const key = effectKey(run.id, step.id, visit, 'do');
    const input = bounded(step.plan?.(scope, visit) ?? {});
    const undo = step.planUndo && {
      effectKey: effectKey(run.id, step.id, visit, 'undo'),
      request: bounded(step.planUndo({ ...scope, effect: { key } })),
    };
    return { entries: [{ ...started, input, effectKey: key, ...(undo === undefined ? {} : { undo }) }] };
  } catch (error) {
    return { entries: [started, { kind: 'step_failed', ...at, ...expressionError(error), attempts: 0 }] };
  }
}

function perform(definition: Definition, state: RunState, now: Date): Action {
  const { stepId, visit } = state.open ?? { stepId: '', visit: 0 };
  const { retry, timeoutMs } = stepOf(definition, stepId);
  const left = leftMs(definition, state, now);
  return { type: 'step', stepId, visit, retry, timeoutMs: Math.max(100, Math.min(timeoutMs, left)) };
}

function leftMs(definition: Definition, state: RunState, now: Date): number {
  return definition.timeoutMs === undefined
    ? Number.POSITIVE_INFINITY
    : Date.parse(state.startedAt) + definition.timeoutMs - now.getTime();
}

function complete(definition: Definition, run: RunFacts, state: RunState): Move {
  try {
    return { entries: [{ kind: 'instance_completed', output: bounded(definition.output(scopeOf(run, state))) }] };
  } catch (error) {
    return failing('failed', expressionError(error));
  }
}

function failing(failure: Failure, { reason, message }: StepError, stepId?: string): Move {
  return {
    entries: [{ kind: 'instance_failing', failure, reason, message, ...(stepId === undefined ? {} : { stepId }) }],
  };
}

const ends = { failed: 'instance_failed', cancelled: 'instance_cancelled', timeout: 'instance_timed_out' } as const;

/** Undos run one by one, the latest effect first; one that is stuck does not keep the rest from being undone. */
function compensate(run: RunFacts, state: RunState, failure: Failure): Move {
  const next = state.effects.findLast((effect) => effect.state === 'registered' || effect.state === 'undoing');
  if (next?.state === 'registered') {
    const { stepId, visit } = next;
    return { entries: [{ kind: 'undo_started', stepId, visit, effectKey: effectKey(run.id, stepId, visit, 'undo') }] };
  }
  if (next !== undefined) return { actions: [undo(next, 'quick')] };
  if (!state.ended) return { entries: [{ kind: ends[failure] }] };
  const stuck = state.effects.filter((effect) => effect.state === 'stuck').reverse();
  return stuck.length === 0
    ? { entries: [{ kind: 'compensation_completed' }] }
    : { actions: stuck.map((effect) => undo(effect, 'slow')) };
}

function undo({ stepId, visit }: Effect, pace: 'quick' | 'slow'): Action {
  return { type: 'undo', stepId, visit, pace };
}

function scopeOf(run: RunFacts, state: RunState): Scope {
  return { input: state.input, steps: Object.fromEntries(state.facts), run };
}

function bounded(value: JsonObject): JsonObject {
  if (sizeOf(value) > MAX_STEP_BYTES) {
    throw new AppError(
      'invalid_argument',
      'STEP_TOO_LARGE',
      `What a step asks may have at most ${MAX_STEP_BYTES} bytes.`,
    );
  }
  return value;
}

function expressionError(error: unknown): StepError {
  if (error instanceof AppError) return { reason: error.reason, message: error.message };
  throw error;
}
