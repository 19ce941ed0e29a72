import type { AgentReference } from './agent-reference.ts';
import type { InputCheck } from './input-schema.ts';
import type { BlockRule, LatePolicy, Outcome, StepError } from './journal.ts';
import type { JsonObject, JsonValue } from './json.ts';
import type { ProblemReason } from './problem.ts';
import type { Scope } from './scope.ts';
import type { Expression, Template } from './template.ts';

/** Where a run goes: the id of a step, `$end` (the run has reached its goal) or `$fail`. */
export type Target = string;
export const END = '$end';
export const FAIL = '$fail';

/** A kind of step. Adding one is a folder under `steps/` and a line in its two tables; nothing else asks for kinds by name. */
export interface StepKind {
  readonly kind: string;
  /** JSON Schema of the fields that this kind adds to those of every step. */
  readonly fields: JsonObject;
  readonly required: readonly string[];
  /** An effect changes something outside the fleet: it needs an undo, or stands irreversible behind a passed validation. */
  readonly effect: boolean;
  /** Takes seconds or minutes as a rule: a run is given to Temporal for it. */
  readonly takesLong?: boolean;
  /** A step that asks may be asked again by a validation. */
  readonly role?: 'asks';
  /** Where steps stand inside of this one's fields. */
  readonly nested?: (fields: JsonObject) => readonly Nested[];
  /** Reads one step's fields, whose shape has been checked. What is wrong beyond shapes is reported through the reader. */
  read(fields: JsonObject, reader: StepReader): StepPlan;
}

/** What a kind makes of its fields. */
export interface StepPlan {
  /** What is asked of the outside, and which time, from 1. Throws where an expression cannot be evaluated. */
  readonly plan?: (scope: Scope, time: number) => JsonObject;
  /** Instead of `plan`: a step that asks nobody is decided inside the interpreter. */
  readonly decide?: (scope: Scope) => JsonObject;
  /** Instead of `plan`: once started, the step waits until a command brings its outcome (`settleSuspended`), or its time comes. */
  readonly suspend?: (scope: Scope, now: Date) => Suspension;
  /** What a waiting step comes to by itself at its `wakeAt`. None given: it fails with WAIT_EXPIRED. */
  readonly expire?: (request: JsonObject) => Outcome;
  /** Instead of `plan`: the step holds others. */
  readonly block?: Block;
  /** The undo, planned before the effect happens: it may speak of earlier steps, never of the step's own output. */
  readonly planUndo?: (scope: Scope) => JsonObject;
  /** What is done about a request that lands after the undo; none: its receiver refuses it. */
  readonly late?: LatePolicy;
  /** Where the run goes after the step left these facts. The default is `next`. */
  readonly conclude?: (facts: JsonObject, visitsOf: (stepId: string) => number) => Conclusion;
  /** Facts, one for each way that `conclude` knows; after a condition that is undecided, those that are left. */
  readonly ways?: (undecidedAt?: string) => readonly JsonObject[];
  /** JSON Schema of the facts that the step leaves: what a dry run may assume of it, and what it knows without. */
  readonly leaves?: JsonObject;
  /** What of the request may be changed by whoever retries the run from this step. */
  readonly editable?: Readonly<Record<string, EditableField>>;
  /** The signal that the step waits for, with the check of what comes with it. */
  readonly signal?: SignalWait;
  /** Lets only answers through that passed, or that somebody approved: an irreversible step may follow. */
  readonly proves?: boolean;
}

/** Steps inside of a step: `pointer` is relative to the step, and each of their own `steps` is a sequence. */
export interface Nested {
  readonly pointer: string;
  readonly steps: readonly JsonObject[];
}

/** How the sequences of a step that holds others are gone through, each in a frame of its own. */
export interface Block {
  /** What frames there are. */
  readonly spread: (scope: Scope) => { readonly input: JsonValue; readonly block: BlockRule };
  /** The sequence that a frame goes through. */
  readonly sequenceOf: (frame: string) => Sequence;
  /** What the steps of a frame know besides. */
  readonly variables: (input: JsonValue, frame: string) => JsonObject;
  /** The facts that the step leaves, of what its frames gave. */
  readonly gather: (end: {
    readonly input: JsonValue;
    readonly completed: ReadonlyFrames<JsonValue>;
    readonly failed: ReadonlyFrames<StepError & { readonly path: string }>;
  }) => JsonObject;
  /** How many of the sequences are sure to be completed when the block is; none where a block may be complete without any. */
  readonly sure: number;
}

/** By name of the frame. */
export interface ReadonlyFrames<T> {
  readonly size: number;
  get(name: string): T | undefined;
  keys(): IterableIterator<string>;
}

/** Steps that were read inside of another. */
export interface Sequence {
  /** The first step. */
  readonly start: string;
  /** What a frame gives; absent: the output of the step that it ended with. */
  readonly output: Template | undefined;
}

/** Where a frame goes on after a step failed. */
export interface OnError {
  readonly next: Target;
  /** The step that carries the savepoint. */
  readonly rollbackTo?: string;
}

export interface SignalWait {
  readonly name: string;
  readonly schema: JsonValue;
  readonly check: InputCheck;
}

export type EditableField = 'text' | 'object' | 'any';

/** What a step waits for. The request is the step's input, as its task shows it. */
export interface Suspension {
  readonly request: JsonObject;
  /** RFC 3339. None: only a command ends the wait. */
  readonly wakeAt?: string;
  /** The name of the signal that ends the wait. */
  readonly signal?: string;
  /** The type of the event that ends the wait. */
  readonly event?: string;
}

export type Conclusion =
  | { readonly next: Target }
  | { readonly reask: string }
  | { readonly fail: { readonly reason: string; readonly message: string } };

/** Hands a kind what it needs while it reads a step; places are pointers relative to the step (`/undo/url`). */
export interface StepReader {
  template(pointer: string, value: JsonValue, options?: { result?: 'text' | 'any'; undo?: boolean }): Template;
  condition(pointer: string, text: string): Expression;
  /** A condition over the `event` that a step waits for. Answers what else it speaks of, as that is when the step begins. */
  laterCondition(pointer: string, text: string): (scope: Scope) => JsonObject;
  exit(pointer: string, target: Target): void;
  reask(pointer: string, stepId: string): void;
  /** Reads the steps at one of the places that `nested` names. */
  sequence(
    pointer: string,
    inside?: { variables?: readonly string[]; output?: [pointer: string, value: JsonValue] },
  ): Sequence;
  /** The step asks an agent that is named, not computed. */
  agent(pointer: string, reference: Pick<AgentReference, 'by' | 'name' | 'version'>): void;
  problem(pointer: string, reason: ProblemReason, message: string): void;
  /** The step's own `next`. */
  readonly next: Target;
}

export interface RetryPolicy {
  readonly maxAttempts: number;
  readonly initialIntervalMs: number;
  readonly maxIntervalMs: number;
  /** The reasons of failures that are tried again; none given: those that may pass by themselves. */
  readonly on?: readonly string[];
  /** The reasons of failures that are not tried again. */
  readonly except?: readonly string[];
}

/** One step of a definition, ready to run. */
export interface Step extends StepPlan {
  readonly id: string;
  /** Where it stands in the definition. */
  readonly pointer: string;
  /** The steps that may follow it, and those that the sequences in it begin with. */
  readonly leadsTo: readonly string[];
  readonly kind: string;
  readonly effect: boolean;
  readonly irreversible: boolean;
  readonly takesLong: boolean;
  readonly next: Target;
  readonly onError: OnError | undefined;
  /** What it writes to the context of the run when it is completed, by name. */
  readonly context: Template | undefined;
  readonly writes: readonly string[];
  readonly retry: RetryPolicy;
  /** Of one attempt. */
  readonly timeoutMs: number;
}
