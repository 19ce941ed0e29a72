import type { RetryPolicy } from './step-kind.ts';

/** A step that is under way: the outside is to be asked. */
export interface StepAction {
  readonly type: 'step';
  readonly path: string;
  readonly stepId: string;
  readonly visit: number;
  readonly retry: RetryPolicy;
  /** Of one attempt, and never more than the run has left. */
  readonly timeoutMs: number;
  /** RFC 3339. It was tried, and has to wait until then before it is tried again. */
  readonly notBefore?: string;
}

export interface UndoAction {
  readonly type: 'undo';
  readonly path: string;
  readonly stepId: string;
  readonly visit: number;
  /** A stuck undo is tried on slowly. */
  readonly pace: 'quick' | 'slow';
}

/** Besides what else is answered there is nothing to do before a time, or before the run is woken. */
export interface WaitAction {
  readonly type: 'wait';
  /** RFC 3339; absent: only being woken brings news. */
  readonly until?: string;
}

/**
 * What is under way in a run. An answer names all of it: a driver starts what it is not doing yet, stops what is not named any
 * more, and asks again when something ended, the time of a `wait` has come, or the run is woken.
 */
export type Action = StepAction | UndoAction | WaitAction | { readonly type: 'done' };
