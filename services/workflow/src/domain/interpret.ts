import { AppError } from '@flotilla/errors';
import type { Action } from './action.ts';
import { type Definition, stepOf } from './definition.ts';
import type { Failure, JournalEntry, Recorded, StepError, StepOutcome } from './journal.ts';
import { type JsonObject, sizeOf } from './json.ts';
import { pathIn } from './path.ts';
import { applyEntry, type Effect, type Frame, type OpenStep, type RunState } from './run-state.ts';
import { effectKey, type RunFacts, type Scope } from './scope.ts';
import { type Conclusion, END, FAIL, type Step } from './step-kind.ts';

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
  const stop = reasonToStop(definition, state, now);
  if (stop !== undefined) return state.open.isEmpty() ? failing(stop.failure, stop) : abandon(state, stop);
  const expired = state.open.find(({ suspended }) => isDue(suspended?.wakeAt, now));
  if (expired !== undefined) return expire(stepOf(definition, expired.stepId), expired);
  const ready = state.ready.first();
  const frame = ready === undefined ? undefined : state.frames.get(ready);
  if (ready !== undefined && frame !== undefined) return goOn(definition, run, state, ready, frame, now);
  return { actions: underWay(definition, state, now) };
}

function goOn(
  definition: Definition,
  run: RunFacts,
  state: RunState,
  name: string,
  { at, facts, visits }: Frame,
  now: Date,
): Move {
  const begin = (stepId: string): Move => enter(stepOf(definition, stepId), name, run, state, now);
  if (at.state === 'failed') return failing('failed', at.error, at.error.path);
  if (at.state !== 'completed') return begin(definition.start);
  const last = stepOf(definition, at.stepId);
  const conclusion: Conclusion = last.conclude?.(facts.get(last.id, {}), (stepId) => visits.get(stepId, 0)) ?? {
    next: last.next,
  };
  if ('fail' in conclusion) return failing('failed', conclusion.fail, pathIn(name, last.id));
  const target = 'reask' in conclusion ? conclusion.reask : conclusion.next;
  if (target === FAIL) {
    const routed = { reason: 'ROUTED_TO_FAILURE', message: 'The workflow led to $fail.' };
    return failing('failed', routed, pathIn(name, last.id));
  }
  return target === END ? complete(definition, run, state) : begin(target);
}

function enter(step: Step, frame: string, run: RunFacts, state: RunState, now: Date): Move {
  const path = pathIn(frame, step.id);
  const visit = state.visits.get(path, 0) + 1;
  const at = { path, stepId: step.id, visit };
  const scope = scopeOf(run, state, frame);
  const started = { kind: 'step_started', ...at, stepKind: step.kind, input: null } as const;
  try {
    if (step.decide !== undefined) {
      return { entries: [started, { kind: 'step_completed', ...at, facts: step.decide(scope), attempts: 1 }] };
    }
    const key = effectKey(run.id, path, visit, 'do');
    const { request, ...suspended } = step.suspend?.(scope, now) ?? { request: step.plan?.(scope, visit) ?? {} };
    const undo = step.planUndo && {
      effectKey: effectKey(run.id, path, visit, 'undo'),
      request: bounded(step.planUndo({ ...scope, effect: { key } })),
    };
    return {
      entries: [
        {
          ...started,
          input: bounded(request),
          effectKey: key,
          ...(step.suspend === undefined ? {} : { suspended }),
          ...(undo === undefined ? {} : { undo }),
        },
      ],
    };
  } catch (error) {
    return { entries: [started, { kind: 'step_failed', ...at, ...expressionError(error), attempts: 0 }] };
  }
}

const expiredWait: StepError = { reason: 'WAIT_EXPIRED', message: 'What the step waited for did not come in time.' };

function expire(step: Step, { path, stepId, visit, input }: OpenStep): Move {
  const outcome = step.expire?.(input as JsonObject) ?? { failed: expiredWait };
  return { entries: [outcomeEntry({ path, stepId, visit }, outcome, 1)] };
}

/** The entry that says what a step came to. */
export function outcomeEntry(
  at: { readonly path: string; readonly stepId: string; readonly visit: number },
  outcome: { readonly facts: JsonObject } | { readonly failed: StepError },
  attempts: number,
): StepOutcome {
  if ('facts' in outcome) return { kind: 'step_completed', ...at, attempts, facts: outcome.facts };
  const { reason, message } = outcome.failed;
  return { kind: 'step_failed', ...at, attempts, reason, message };
}

type Stop = StepError & { readonly failure: Failure };

/** A run is ended also in the middle of its steps. */
function reasonToStop(definition: Definition, state: RunState, now: Date): Stop | undefined {
  if (state.cancel !== undefined) return { failure: 'cancelled', reason: 'CANCELLED', message: state.cancel.reason };
  if (!isDue(deadlineOf(definition, state), now)) return undefined;
  return { failure: 'timeout', reason: 'RUN_TIMED_OUT', message: 'The run took longer than the workflow allows.' };
}

/** Gives up what is under way. Its effects may still happen: their undos leave tombstones. */
function abandon(state: RunState, { reason, message }: StepError): Move {
  const entries = [...state.open.values()].map(({ path, stepId, visit }) =>
    outcomeEntry({ path, stepId, visit }, { failed: { reason, message } }, 1),
  );
  return { entries };
}

function underWay(definition: Definition, state: RunState, now: Date): readonly Action[] {
  const deadline = deadlineOf(definition, state);
  const left = deadline === undefined ? Number.POSITIVE_INFINITY : Date.parse(deadline) - now.getTime();
  const times = deadline === undefined ? [] : [deadline];
  const steps: Action[] = [];
  let suspends = false;
  for (const { path, stepId, visit, suspended } of state.open.values()) {
    if (suspended === undefined) {
      const { retry, timeoutMs } = stepOf(definition, stepId);
      steps.push({ type: 'step', path, stepId, visit, retry, timeoutMs: Math.max(100, Math.min(timeoutMs, left)) });
    } else {
      suspends = true;
      if (suspended.wakeAt !== undefined) times.push(suspended.wakeAt);
    }
  }
  const [until] = times.sort((one, other) => Date.parse(one) - Date.parse(other));
  if (until !== undefined) return [...steps, { type: 'wait', until }];
  return suspends ? [...steps, { type: 'wait' }] : steps;
}

function isDue(time: string | undefined, now: Date): boolean {
  return time !== undefined && Date.parse(time) <= now.getTime();
}

function deadlineOf(definition: Definition, state: RunState): string | undefined {
  return definition.timeoutMs === undefined
    ? undefined
    : new Date(Date.parse(state.startedAt) + definition.timeoutMs).toISOString();
}

function complete(definition: Definition, run: RunFacts, state: RunState): Move {
  try {
    return { entries: [{ kind: 'instance_completed', output: bounded(definition.output(scopeOf(run, state, ''))) }] };
  } catch (error) {
    return failing('failed', expressionError(error));
  }
}

function failing(failure: Failure, { reason, message }: StepError, path?: string): Move {
  return {
    entries: [{ kind: 'instance_failing', failure, reason, message, ...(path === undefined ? {} : { path }) }],
  };
}

const ends = { failed: 'instance_failed', cancelled: 'instance_cancelled', timeout: 'instance_timed_out' } as const;

/** Undos run one by one, the latest effect first; one that is stuck does not keep the rest from being undone. */
function compensate(run: RunFacts, state: RunState, failure: Failure): Move {
  const next = state.effects.findLast((effect) => effect.state === 'registered' || effect.state === 'undoing');
  if (next?.state === 'registered') {
    const { path, stepId, visit } = next;
    const key = effectKey(run.id, path, visit, 'undo');
    return { entries: [{ kind: 'undo_started', path, stepId, visit, effectKey: key }] };
  }
  if (next !== undefined) return { actions: [undo(next, 'quick')] };
  if (!state.ended) return { entries: [{ kind: ends[failure] }] };
  const stuck = state.effects.filter((effect) => effect.state === 'stuck').reverse();
  return stuck.isEmpty()
    ? { entries: [{ kind: 'compensation_completed' }] }
    : { actions: [...stuck.map((effect) => undo(effect, 'slow'))] };
}

function undo({ path, stepId, visit }: Effect, pace: 'quick' | 'slow'): Action {
  return { type: 'undo', path, stepId, visit, pace };
}

function scopeOf(run: RunFacts, state: RunState, frame: string): Scope {
  return { input: state.input, steps: state.frames.get(frame)?.facts.toObject() ?? {}, run };
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
