import { AppError } from '@flotilla/errors';
import { OrderedSet } from 'immutable';
import { type Definition, stepOf } from './definition.ts';
import type { Recorded } from './journal.ts';
import type { JsonObject, JsonValue } from './json.ts';
import type { RunState } from './run-state.ts';
import type { EditableField } from './step-kind.ts';

/** What a caller wants: the step, empty for the earliest that is sound, and what to change in what it asks. */
export interface RetryWish {
  readonly stepId: string;
  readonly input: JsonObject | undefined;
}

/**
 * Says from which step a run that did not reach its goal goes on. Refuses with a precise reason: what was undone before that
 * step would be missing afterwards.
 */
export function planRetry(definition: Definition, state: RunState, wish: RetryWish): { readonly stepId: string } {
  if (state.failing === undefined) {
    const message = 'Only a run that failed, was cancelled or ran out of time can be retried.';
    throw new AppError('failed_precondition', 'INSTANCE_NOT_FAILED', message);
  }
  if (!state.settled) {
    throw new AppError('failed_precondition', 'INSTANCE_NOT_SETTLED', 'The undos of the run are not done yet.');
  }
  const earliest = earliestStep(definition, state);
  const stepId = wish.stepId === '' ? earliest : wish.stepId;
  const undone = firstUndone(state);
  const start = state.begun.findLast((begun) => begun.stepId === stepId);
  if (start === undefined && stepId !== definition.start) {
    throw new AppError(
      'failed_precondition',
      'STEP_NOT_REACHED',
      `The run never came to a step "${stepId}" of its own.`,
    );
  }
  if (start !== undefined && undone !== undefined && undone < start.effects) {
    const message = `What was done before "${stepId}" was undone. The earliest step from which the run can be retried is "${earliest}".`;
    throw new AppError('failed_precondition', 'RETRY_TOO_LATE', message);
  }
  if (wish.input !== undefined) checkEdit(stepId, stepOf(definition, stepId).editable ?? {}, wish.input);
  return { stepId };
}

/** The step in which the first effect happened that was undone; where there is none, the one that failed. */
function earliestStep(definition: Definition, state: RunState): string {
  const undone = firstUndone(state);
  const failed = state.failing?.path === undefined ? undefined : rootStepOf(state.failing.path);
  const begun =
    undone === undefined
      ? state.begun.findLast(({ stepId }) => failed === undefined || stepId === failed)
      : state.begun.findLast(({ effects }) => effects <= undone);
  return begun?.stepId ?? definition.start;
}

/** What the end of the run undid; what a step or a block had rolled back before is nothing that is missing. */
function firstUndone({ undoneFrom, effects }: RunState): number | undefined {
  return undoneFrom < effects.size ? undoneFrom : undefined;
}

/** The step at the root that a path is in. */
function rootStepOf(path: string): string {
  return path.split(/[[/]/, 1)[0] ?? path;
}

function checkEdit(stepId: string, editable: Readonly<Record<string, EditableField>>, input: JsonObject): void {
  const names = Object.keys(editable);
  for (const [name, value] of Object.entries(input)) {
    const kind = editable[name];
    if (kind === undefined) {
      const what = names.length === 0 ? 'nothing' : names.map((field) => `"${field}"`).join(', ');
      const message = `Of what "${stepId}" asks, ${what} can be changed, and not "${name}".`;
      throw new AppError('failed_precondition', 'INPUT_NOT_EDITABLE', message);
    }
    if (!fits(value, kind)) {
      throw new AppError('invalid_argument', 'INPUT_EDIT_INVALID', `"${name}" is to be of the type ${kind}.`);
    }
  }
}

function fits(value: JsonValue, kind: EditableField): boolean {
  if (kind === 'any') return true;
  if (kind === 'text') return typeof value === 'string' && value !== '';
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The run goes on at the root, from this step; what was learnt by then stays known. Visits count on, so that effects have new keys. */
export function retried(state: RunState, entry: Recorded & { readonly kind: 'instance_retried' }): RunState {
  const root = state.frames.get('');
  if (root === undefined) throw new Error('A run has a root frame.');
  const at = { state: 'retry', stepId: entry.stepId, input: entry.input } as const;
  return {
    ...state,
    clockFrom: entry.occurredAt,
    frames: state.frames.clear().set('', { ...root, visits: root.visits.clear(), at }),
    ready: OrderedSet(['']),
    blocks: state.blocks.clear(),
    turning: state.turning.clear(),
    kept: 0,
    cancel: undefined,
    failing: undefined,
    paused: false,
    ended: false,
    endedAt: undefined,
    settled: false,
  };
}
