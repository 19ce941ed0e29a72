import type { JsonObject, JsonValue } from './json.ts';

/** How a run can end without reaching its goal. */
export type Failure = 'failed' | 'cancelled' | 'timeout';

/** One visit of one step. */
export interface Visit {
  /** Where the step stands in the run, see `path.ts`. */
  readonly path: string;
  readonly stepId: string;
  readonly visit: number;
}

/** What can be written into a run's journal. The journal is the only truth about a run: everything else is derived from it. */
export type JournalEntry =
  | { readonly kind: 'instance_started'; readonly input: JsonObject }
  | (Visit & {
      readonly kind: 'step_started';
      readonly stepKind: string;
      readonly input: JsonValue;
      /** Absent where the step asks nobody. */
      readonly effectKey?: string;
      /** The step waits for an outcome that a command brings, or that comes by itself at a time. */
      readonly suspended?: { readonly wakeAt?: string };
      /** Registered before the effect happens, so that nothing can happen without its undo being known. */
      readonly undo?: UndoPlan;
    })
  | (Visit & { readonly kind: 'step_completed'; readonly facts: JsonObject; readonly attempts: number })
  | (Visit & StepError & { readonly kind: 'step_failed'; readonly attempts: number })
  | { readonly kind: 'cancel_requested'; readonly reason: string; readonly requestedBy: string }
  | (StepError & {
      readonly kind: 'instance_failing';
      readonly failure: Failure;
      readonly path?: string;
      readonly stepId?: string;
    })
  | (Visit & { readonly kind: 'undo_started'; readonly effectKey: string })
  | (Visit & { readonly kind: 'undo_completed'; readonly attempts: number })
  | (Visit & StepError & { readonly kind: 'undo_failed'; readonly attempts: number })
  | { readonly kind: 'instance_completed'; readonly output: JsonObject }
  | { readonly kind: 'instance_failed' | 'instance_cancelled' | 'instance_timed_out' }
  /** The undos that were stuck when the run ended are done now. */
  | { readonly kind: 'compensation_completed' };

/** What a step came to, as the journal says it. */
export type StepOutcome = JournalEntry & { readonly kind: 'step_completed' | 'step_failed' };

export interface StepError {
  readonly reason: string;
  readonly message: string;
}

export interface UndoPlan {
  readonly effectKey: string;
  readonly request: JsonObject;
}

/** What a step came to. */
export type Outcome = { readonly facts: JsonObject } | { readonly failed: StepError };

/** An entry in its place. */
export type Recorded = JournalEntry & { readonly occurredAt: string };
