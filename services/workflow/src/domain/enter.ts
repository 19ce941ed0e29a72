import { AppError } from '@flotilla/errors';
import type { Action } from './action.ts';
import { type Definition, stepOf } from './definition.ts';
import type { JournalEntry, Outcome, StepError, StepOutcome, Visit } from './journal.ts';
import { type JsonObject, type JsonValue, sizeOf } from './json.ts';
import { blockOf, frameOf, pathIn } from './path.ts';
import type { RunState } from './run-state.ts';
import { effectKey, type RunFacts, type Scope } from './scope.ts';
import type { Step } from './step-kind.ts';

/** A run at a time. */
export interface Run {
  readonly definition: Definition;
  readonly facts: RunFacts;
  readonly state: RunState;
  readonly now: Date;
}

/** Either something to write, after which the interpreter looks again, or what is under way. */
export type Move = { readonly entries: readonly JournalEntry[] } | { readonly actions: readonly Action[] };

/** What one step asks or leaves may have this size as JSON text. */
export const MAX_STEP_BYTES = 16 * 1024 * 1024;
/** What people read with the run, and what an undo asks, is smaller. */
export const MAX_SHOWN_BYTES = 1024 * 1024;

/** All that a run keeps in its context. */
export const MAX_CONTEXT_BYTES = 64 * 1024;

/** Starts a step in a frame. What cannot be planned fails it before anybody is asked. */
export function enter(run: Run, frame: string, stepId: string, edit?: JsonObject): Move {
  const step = stepOf(run.definition, stepId);
  const path = pathIn(frame, step.id);
  const visit = run.state.visits.get(path, 0) + 1;
  const at = { path, stepId: step.id, visit };
  const started = { kind: 'step_started', ...at, stepKind: step.kind, input: null } as const;
  try {
    const scope = scopeOf(run, frame);
    if (step.decide !== undefined) {
      const facts = bounded(step.decide(scope));
      return { entries: [started, { kind: 'step_completed', ...at, facts, attempts: 1 }] };
    }
    // A retry begins anew: the step is not asked again because of an answer.
    const time = (run.state.frames.get(frame)?.visits.get(step.id, 0) ?? 0) + 1;
    return { entries: [{ ...started, ...plan(step, scope, run, at, { time, edit }) }] };
  } catch (error) {
    return { entries: [started, { kind: 'step_failed', ...at, ...expressionError(error), attempts: 0 }] };
  }
}

function plan(
  step: Step,
  scope: Scope,
  { facts, now }: Run,
  { path, visit }: Visit,
  { time, edit }: { readonly time: number; readonly edit: JsonObject | undefined },
) {
  if (step.block !== undefined) {
    const { input, block } = step.block.spread(scope);
    return { input: bounded(input), block };
  }
  const key = effectKey(facts.id, path, visit, 'do');
  const { request, ...suspended } = step.suspend?.(scope, now) ?? { request: step.plan?.(scope, time) ?? {} };
  const undo = step.planUndo && {
    effectKey: effectKey(facts.id, path, visit, 'undo'),
    request: bounded(step.planUndo({ ...scope, effect: { key } }), MAX_SHOWN_BYTES),
    ...(step.late === undefined ? {} : { late: step.late }),
  };
  return {
    input: bounded({ ...request, ...edit }),
    effectKey: key,
    ...(step.suspend === undefined ? {} : { suspended }),
    ...(undo === undefined ? {} : { undo }),
  };
}

/** What a step of a frame may speak of: its own frame's facts and those of the frames around it. */
export function scopeOf({ definition, facts, state }: Run, frame: string): Scope {
  const around = [...framesAround(frame)];
  const variables: JsonObject = {};
  for (const name of around.toReversed()) {
    const parent = blockOf(name);
    const block = parent === undefined ? undefined : state.blocks.get(parent.path);
    if (parent === undefined || block === undefined) continue;
    Object.assign(variables, stepOf(definition, block.stepId).block?.variables(block.input, parent.name));
  }
  return {
    input: state.input,
    run: facts,
    context: state.context ?? {},
    variables,
    factsOf(stepId) {
      for (const name of around) {
        const known = state.frames.get(name)?.facts.get(stepId);
        if (known !== undefined) return known;
      }
      return undefined;
    },
  };
}

/** The frame itself, then the ones around it, the root last. */
function* framesAround(frame: string): Iterable<string> {
  for (let name = frame; ; ) {
    yield name;
    const parent = blockOf(name);
    if (parent === undefined) return;
    name = frameOf(parent.path);
  }
}

/** The entry that says what a step came to. */
export function outcomeEntry({ path, stepId, visit }: Visit, outcome: Outcome, attempts: number): StepOutcome {
  const at = { path, stepId, visit, attempts };
  if ('facts' in outcome) return { kind: 'step_completed', ...at, facts: outcome.facts };
  const { reason, message } = outcome.failed;
  return { kind: 'step_failed', ...at, reason, message };
}

/** Gives up what is under way in places, what lies deeper first. Its effects may still happen: their undos leave tombstones. */
export function abandonUnder(
  state: RunState,
  lies: (path: string) => boolean,
  { reason, message }: StepError,
): JournalEntry[] {
  const steps = [...state.open.values()].filter(({ path }) => lies(path));
  const blocks = [...state.blocks.values()].filter(({ path }) => lies(path)).sort((a, b) => depth(b) - depth(a));
  return [...steps, ...blocks].map((visit) => outcomeEntry(visit, { failed: { reason, message } }, 1));
}

function depth({ path }: Visit): number {
  return path.split('/').length;
}

export function bounded<T extends JsonValue>(value: T, bytes = MAX_STEP_BYTES): T {
  if (sizeOf(value) > bytes) {
    throw new AppError(
      'invalid_argument',
      'STEP_TOO_LARGE',
      `What a step asks or leaves may have at most ${bytes} bytes.`,
    );
  }
  return value;
}

export function expressionError(error: unknown): StepError {
  if (error instanceof AppError) return { reason: error.reason, message: error.message };
  throw error;
}
