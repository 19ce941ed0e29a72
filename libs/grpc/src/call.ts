import type { DescMethod } from '@bufbuild/protobuf';
import type { Logger } from '@flotilla/observability';
import type { Principal, PrincipalVerifier } from '@flotilla/secrets';
import type { IdempotencyScope } from './idempotency.ts';

export type { IdempotencyScope, Principal, PrincipalVerifier };

/** What a handler knows about the call that it answers. Everything is checked before the handler runs. */
export interface Call {
  readonly principal: Principal;
  /** W3C trace context of the caller. */
  readonly traceparent: string;
  /** How many events led to the call, as its caller says; undefined where none did. */
  readonly causationDepth?: number | undefined;
  /** When the caller stops waiting. Calls made from inside this one end a little earlier by themselves. */
  readonly deadline: Date;
  /** Aborted with a coded error when the caller hangs up, the deadline passes or the server goes down. */
  readonly signal: AbortSignal;
  /** The bearer token as received, to call on with or to make a grant from. Empty on public methods. */
  readonly token: string;
  /** Present when the method honours idempotency keys and the caller sent one. */
  readonly idempotency?: IdempotencyScope;
  readonly method: DescMethod;
  readonly log: Logger;
  /** The address of the other end of the connection. */
  readonly peer: string;
  /** The first value of a metadata entry. Never proof of anything. */
  metadata(name: string): string | undefined;
}

/** Who calls a public method: nobody in particular. */
export const anonymous: Principal = {
  tenantId: '',
  actor: { type: 'anonymous', id: '' },
  permissions: new Set(),
  tokenId: '',
  expiresAt: new Date(8.64e15),
  operator: false,
};
