import { AppError } from '@flotilla/errors';
import { failing } from './compensate.ts';
import { stepOf } from './definition.ts';
import {
  bounded,
  enter,
  expressionError,
  MAX_CONTEXT_BYTES,
  MAX_SHOWN_BYTES,
  type Move,
  type Run,
  scopeOf,
} from './enter.ts';
import { rollbackOf } from './fold-effects.ts';
import type { JournalEntry, StepError } from './journal.ts';
import { type JsonObject, type JsonValue, sizeOf } from './json.ts';
import { blockOf, pathIn } from './path.ts';
import type { Frame, FrameError } from './run-state.ts';
import { type Conclusion, END, FAIL, type OnError } from './step-kind.ts';
import type { Template } from './template.ts';

/** Moves a frame on whose step has its outcome. */
export function goOn(run: Run, name: string): Move {
  const frame = run.state.frames.get(name);
  const at = frame?.at;
  if (frame === undefined || at === undefined || at.state === 'open')
    throw new Error(`The frame ${name} is not ready.`);
  if (at.state === 'retry') return enter(run, name, at.stepId, at.input);
  if (at.state === 'start') {
    const { context } = run.definition;
    if (context === undefined || run.state.context !== undefined) return enter(run, name, run.definition.start);
    return write(run, name, '', context, (values) => ({ kind: 'context_begun', values }));
  }
  if (at.state === 'failed') {
    const { onError } = stepOf(run.definition, at.error.stepId);
    return onError === undefined ? failFrame(run, name, at.error, at.error.cause) : caught(run, at.error, onError);
  }
  const place = pathIn(name, at.stepId);
  const { context } = stepOf(run.definition, at.stepId);
  if (context !== undefined && at.state === 'completed' && at.wrote !== true) {
    const visit = { path: place, stepId: at.stepId, visit: run.state.visits.get(place, 1) };
    return write(run, name, place, context, (values) => ({ kind: 'context_written', ...visit, values }));
  }
  const conclusion = at.state === 'caught' ? { next: at.next } : conclude(run, frame, at.stepId);
  if ('fail' in conclusion) return failFrame(run, name, conclusion.fail, place);
  const target = 'reask' in conclusion ? conclusion.reask : conclusion.next;
  if (target === FAIL) {
    return failFrame(run, name, { reason: 'ROUTED_TO_FAILURE', message: 'The workflow led to $fail.' }, place);
  }
  return target === END ? completeFrame(run, name, place) : enter(run, name, target);
}

/** What cannot be written fails the frame. */
function write(
  run: Run,
  name: string,
  place: string,
  template: Template,
  entryOf: (values: JsonObject) => JournalEntry,
): Move {
  try {
    const values = template(scopeOf(run, name)) as JsonObject;
    if (sizeOf({ ...run.state.context, ...values }) > MAX_CONTEXT_BYTES) {
      const message = `The context of a run may have at most ${MAX_CONTEXT_BYTES} bytes.`;
      throw new AppError('failed_precondition', 'CONTEXT_TOO_LARGE', message);
    }
    return { entries: [entryOf(values)] };
  } catch (error) {
    return failFrame(run, name, expressionError(error), place);
  }
}

function conclude({ definition }: Run, { facts, visits }: Frame, stepId: string): Conclusion {
  const step = stepOf(definition, stepId);
  return step.conclude?.(facts.get(stepId, {}), (other) => visits.get(other, 0)) ?? { next: step.next };
}

/** A failed step's own effects are undone, and where it says so all since a savepoint; then the frame goes on elsewhere. */
function caught({ state }: Run, error: FrameError, { next, rollbackTo }: OnError): Move {
  const { path, stepId, visit, reason, message, effectsBefore } = error;
  const at = { path, stepId, visit };
  const range =
    rollbackTo === undefined
      ? ({ from: effectsBefore, of: 'step' } as const)
      : ({ from: Math.min(effectsBefore, state.marks.get(rollbackTo, 0)), of: 'all' } as const);
  const rollback: JournalEntry = { kind: 'rollback_started', ...at, ...range };
  const goesOn: JournalEntry = { kind: 'step_caught', ...at, next, reason, message };
  return { entries: rollbackOf(state, rollback).isEmpty() ? [goesOn] : [rollback, goesOn] };
}

function failFrame(run: Run, name: string, { reason, message }: StepError, path: string): Move {
  if (name === '') return failing(run, 'failed', { reason, message }, path);
  return { entries: [{ kind: 'frame_failed', frame: name, reason, message, path }] };
}

function completeFrame(run: Run, name: string, place: string): Move {
  try {
    if (name === '') {
      return {
        entries: [
          { kind: 'instance_completed', output: bounded(run.definition.output(scopeOf(run, '')), MAX_SHOWN_BYTES) },
        ],
      };
    }
    return { entries: [{ kind: 'frame_completed', frame: name, output: bounded(outputOf(run, name)) }] };
  } catch (error) {
    return failFrame(run, name, expressionError(error), name === '' ? '' : place);
  }
}

/** What the block says its frames give; where it says nothing, what the last step left. */
function outputOf(run: Run, name: string): JsonValue {
  const parent = blockOf(name);
  const block = parent === undefined ? undefined : run.state.blocks.get(parent.path);
  const frame = run.state.frames.get(name);
  if (parent === undefined || block === undefined || frame === undefined) throw new Error(`There is no frame ${name}.`);
  const output = stepOf(run.definition, block.stepId).block?.sequenceOf(parent.name).output;
  if (output !== undefined) return output(scopeOf(run, name));
  const { at } = frame;
  return at.state === 'completed' || at.state === 'caught' ? (frame.facts.get(at.stepId)?.['output'] ?? null) : null;
}
