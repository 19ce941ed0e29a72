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
      readonly suspended?: Suspended;
      /** The step holds other steps: what is gone through, and when that is enough. */
      readonly block?: BlockRule;
      /** Registered before the effect happens, so that nothing can happen without its undo being known. */
      readonly undo?: UndoPlan;
    })
  | (Visit & {
      readonly kind: 'step_completed';
      readonly facts: JsonObject;
      readonly attempts: number;
      /** The number of the signal that the step took. */
      readonly signal?: number;
    })
  /** Of a block, the path of the step inside that failed. */
  | (Visit &
      StepError & {
        readonly kind: 'step_failed';
        readonly attempts: number;
        readonly cause?: string;
        /** The only attempt was answered by a refusal: nothing can have happened. */
        readonly refused?: true;
      })
  /** A step that failed does not fail its frame: the definition says where to go on. */
  | (Visit & StepError & { readonly kind: 'step_caught'; readonly next: string })
  /** What the context of the run begins with. */
  | { readonly kind: 'context_begun'; readonly values: JsonObject }
  /** What a completed step writes to it; of several that write a name, the last one counts. */
  | (Visit & { readonly kind: 'context_written'; readonly values: JsonObject })
  | { readonly kind: 'frame_completed'; readonly frame: string; readonly output: JsonValue }
  | (StepError & { readonly kind: 'frame_failed'; readonly frame: string; readonly path: string })
  /** Effects are undone while the run goes on: before a block is complete, or a caught step left. */
  | (Visit & RollbackRange & { readonly kind: 'rollback_started' })
  /** Told for the record: what a say comes to is the outcome of the step. */
  | (Visit & { readonly kind: 'approval_decided'; readonly userId: string; readonly verdict: 'approve' | 'reject' })
  | (Visit & { readonly kind: 'approval_delegated'; readonly fromUserId: string; readonly toUserId: string })
  | (Request & Undoing & { readonly kind: 'cancel_requested' })
  | (Request & { readonly kind: 'instance_paused' | 'instance_resumed' })
  | (Request & { readonly kind: 'instance_retried'; readonly stepId: string; readonly input?: JsonObject })
  /** What a run that has ended has done is to be taken back. */
  | (Request & { readonly kind: 'undo_requested' })
  | { readonly kind: 'signal_received'; readonly name: string; readonly payload: JsonObject; readonly sentBy: string }
  | (StepError & {
      readonly kind: 'instance_failing';
      readonly failure: Failure;
      readonly path?: string;
      /** How many effects stay: those before the savepoint, or all. */
      readonly keeps?: number;
    })
  | (Visit & { readonly kind: 'undo_started'; readonly effectKey: string })
  /** Unresolved: it was done, but a late request may have landed after it. */
  | (Visit & { readonly kind: 'undo_completed'; readonly attempts: number; readonly unresolved?: true })
  | (Visit & StepError & { readonly kind: 'undo_failed'; readonly attempts: number })
  /** An operator has a stuck undo tried again now, or takes an undo off the queue. */
  | (Visit & Request & { readonly kind: 'undo_retried' | 'undo_skipped' })
  | { readonly kind: 'instance_completed'; readonly output: JsonObject }
  | { readonly kind: 'instance_failed' | 'instance_cancelled' | 'instance_timed_out' }
  /** The undos that were stuck when the run ended are done now. */
  | { readonly kind: 'compensation_completed' };

/** What a step came to, as the journal says it. */
export type StepOutcome = JournalEntry & { readonly kind: 'step_completed' | 'step_failed' };

/** How the frames of a block are gone through. A frame is a branch or an item. */
export interface BlockRule {
  /** How many frames there are. */
  readonly total: number;
  /** Their names; absent: they are numbered from 0. */
  readonly names?: readonly string[];
  /** How many may be under way at once. */
  readonly concurrency: number;
  /** So many completed frames complete the block. */
  readonly quorum: number;
  /** More failed frames fail the block. */
  readonly tolerates: number;
}

/** Which effects are undone: of those registered from a place on, all, those of the step itself, or those of some of its frames. */
export interface RollbackRange {
  readonly from: number;
  readonly of: 'all' | 'step' | readonly string[];
}

/** What of a run is taken back; where nothing is said, the definition says it. */
export interface Undoing {
  readonly undo?: 'all' | 'none';
  /** What was done after this step, which carries a savepoint. */
  readonly undoAfter?: string;
}

/** Somebody's wish, on the record. */
interface Request {
  readonly reason: string;
  readonly requestedBy: string;
}

/** What ends a wait by itself: a time, or a signal of this name. */
export interface Suspended {
  readonly wakeAt?: string;
  readonly signal?: string;
  readonly event?: string;
}

export interface StepError {
  readonly reason: string;
  readonly message: string;
}

export interface UndoPlan {
  readonly effectKey: string;
  readonly request: JsonObject;
  readonly late?: LatePolicy;
}

/**
 * What is done where the receiver of an undo does not refuse a late request of what was undone: the undo is repeated until no
 * request can be on its way any more, or a person is told that the effect is unresolved. None: the receiver refuses it.
 */
export type LatePolicy = 'repeat' | 'unresolved';

/** What a step came to. */
export type Outcome = { readonly facts: JsonObject } | { readonly failed: StepError };

/** An entry in its place. */
export type Recorded = JournalEntry & { readonly occurredAt: string };
