import type { Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import type { Outcome, Visit } from '../domain/journal.ts';
import type { JsonObject } from '../domain/json.ts';

/** One attempt at a step or at its undo, outside of any transaction. */
export interface Attempt<Request extends JsonObject = JsonObject> {
  readonly request: Request;
  /** The key under which the receiver knows this effect: the `do` key, or in an undo the `undo` key. */
  readonly effectKey: string;
  readonly instanceId: string;
  readonly tenantId: string;
  /** The principal to call the fleet with: of whoever started the run, in an undo of this service. */
  readonly token: string;
  readonly timeoutMs: number;
  /** Aborted when the run is cancelled, the time is up, or this process goes down. */
  readonly signal: AbortSignal;
}

/** A visit of a step in a run. */
export interface Place extends Visit {
  readonly instanceId: string;
}

/**
 * What the steps of one kind need besides the interpreter. A kind that asks the outside has `perform` (and `undo`, where it is an
 * effect); one whose steps wait for a command may have `waits` and `waited`.
 * Throws AppErrors; what `retryable` says of their code decides about another attempt.
 */
export interface Performer {
  /** Answers the facts that the step leaves, `output` among them. */
  perform?(attempt: Attempt): Promise<JsonObject>;
  /** Accepts that nothing happened, and leaves a tombstone under `doKey`, so that a late effect is refused. */
  undo?(attempt: Attempt & { readonly doKey: string }): Promise<void>;
  /** A step waits now: in the transaction that journals it, so nothing slow. Answers an outcome where there is nothing to wait for. */
  waits?(
    tx: Tx<Schema>,
    wait: Place & { readonly request: JsonObject; readonly wakeAt: string | undefined },
  ): Promise<Outcome | undefined>;
  /** A step has its outcome, whoever brought it, and waits no more: in the transaction that journals it. */
  waited?(tx: Tx<Schema>, place: Place, outcome: Outcome): Promise<void>;
}

/** By kind of step. */
export type Performers = ReadonlyMap<string, Performer>;
