import type { StepAction } from '../domain/action.ts';
import { stepOf } from '../domain/definition.ts';
import type { HeldRun } from './held-run.ts';

/** Why a run cannot go on in a lane, or in a ride. */
export type WhyNot =
  | 'waits'
  | 'long_step'
  | 'back_off'
  | 'compensation'
  | 'insists'
  | 'too_long'
  | 'closing'
  /** A step under way is somebody else's. */
  | 'elsewhere';

/** What whoever drives a run in this process does with it now: perform these steps; or let what is under way end, and give it to Temporal. */
export type Course =
  | { readonly type: 'settled'; readonly steps: readonly StepAction[] }
  | { readonly type: 'go'; readonly steps: readonly StepAction[] }
  | { readonly type: 'leave'; readonly why: WhyNot; readonly steps: readonly StepAction[] };

/** A run leaves a lane for whatever waits longer than a moment: timers, people, undos, and steps of kinds that take long. */
export function courseOf({ run, actions }: HeldRun, mustLeave: WhyNot | undefined, backsOff: boolean): Course {
  const steps = actions.filter((action) => action.type === 'step');
  const leave = (why: WhyNot): Course => ({ type: 'leave', why, steps });
  if (actions.some(({ type }) => type === 'done')) return { type: 'settled', steps: [] };
  if (actions.some(({ type }) => type === 'undo')) return leave('compensation');
  if (backsOff) return leave('back_off');
  if (steps.some(({ stepId }) => stepOf(run.definition, stepId).takesLong)) return leave('long_step');
  // The time limit of the whole run is no reason to leave while there is something to do.
  if (steps.length === 0) return leave('waits');
  return mustLeave === undefined ? { type: 'go', steps } : leave(mustLeave);
}
