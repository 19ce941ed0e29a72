import type { Statement } from './session.ts';

/** Who acts, for whom and in which trace. Set on the transaction before its first statement. */
export interface TransactionScope {
  /** Empty before the tenant is known: row-level security then shows no row of any tenant. */
  readonly tenantId: string;
  readonly userId?: string | undefined;
  readonly agentId?: string | undefined;
  readonly actor: { readonly type: string; readonly id: string };
  readonly traceparent?: string | undefined;
  /** How many events led to this transaction; undefined where none did. */
  readonly causationDepth?: number | undefined;
}

/** What a repeatable call carries; set by the gRPC server when the caller sent an idempotency key. */
export interface IdempotencyScope {
  readonly key: string;
  /** SHA-256 over the method and the request. */
  readonly requestHash: Uint8Array;
  readonly method: string;
  encode(reply: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

/** The part of a gRPC call that a read needs. */
export interface ReadCall {
  readonly principal: {
    readonly tenantId: string;
    readonly userId?: string | undefined;
    readonly actor: { readonly type: string; readonly id: string };
  };
  readonly traceparent?: string | undefined;
  /** How many events led to the call. */
  readonly causationDepth?: number | undefined;
  /** Statements do not run longer than this. */
  readonly deadline?: Date | undefined;
}

/** The part of a gRPC call that a write needs. */
export interface WriteCall extends ReadCall {
  readonly idempotency?: IdempotencyScope | undefined;
}

/** The scope of a call, for a second transaction of the same call by `inTenant`. */
export function scopeOf(call: ReadCall): TransactionScope {
  const { tenantId, userId, actor } = call.principal;
  return { tenantId, userId, actor, traceparent: call.traceparent, causationDepth: call.causationDepth };
}

/** The scope of look-ups before the tenant is known. */
export const noTenant: TransactionScope = { tenantId: '', actor: { type: 'system', id: '' } };

/**
 * Says who acts to the transaction, before anything else in it. The settings are local to the transaction, so a pooler
 * in transaction mode cannot leak them to another tenant.
 */
export function settingsStatement(scope: TransactionScope, statementTimeoutMs: number | undefined): Statement {
  const values = [
    scope.tenantId,
    scope.userId ?? '',
    scope.agentId ?? '',
    scope.actor.type,
    scope.actor.id,
    scope.traceparent ?? '',
    String(scope.causationDepth ?? 0),
  ];
  return statementTimeoutMs === undefined
    ? { text: setScope, values }
    : { text: setScopeAndTimeout, values: [...values, String(statementTimeoutMs)] };
}

const settings = [
  'app.current_tenant_id',
  'app.current_user_id',
  'app.current_agent_id',
  'app.actor_type',
  'app.actor_id',
  'app.traceparent',
  'app.causation_depth',
];
const setScope = textOf(settings);
const setScopeAndTimeout = textOf([...settings, 'statement_timeout']);

function textOf(names: readonly string[]): string {
  return `select ${names.map((name, index) => `set_config('${name}', $${index + 1}, true)`).join(', ')}`;
}
