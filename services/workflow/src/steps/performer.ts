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

/** Performs the steps of one kind. Throws AppErrors; what `retryable` says of their code decides about another attempt. */
export interface Performer {
  /** Answers the facts that the step leaves, `output` among them. */
  perform(attempt: Attempt): Promise<JsonObject>;
  /** Accepts that nothing happened, and leaves a tombstone under `doKey`, so that a late effect is refused. */
  undo?(attempt: Attempt & { readonly doKey: string }): Promise<void>;
}

/** By kind of step. */
export type Performers = ReadonlyMap<string, Performer>;
