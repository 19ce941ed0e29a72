import { AppError } from '@flotilla/errors';
import type { IdempotencyScope, TransactionScope } from './scope.ts';
import type { Session, Statement } from './session.ts';

interface KeptReply {
  readonly request_hash: Buffer;
  readonly reply: Buffer | null;
}

/**
 * Claims the key for this transaction; goes along with `begin`, so it costs no round trip. The unique key makes a
 * second caller wait here until the first commits (then it finds the reply) or rolls back (then it goes on).
 */
export function claimStatement(scope: TransactionScope, call: IdempotencyScope): Statement {
  return {
    text: `insert into idempotency_keys (tenant_id, actor_id, key, method, request_hash)
      values ($1, $2, $3, $4, $5) on conflict do nothing`,
    values: [scope.tenantId, scope.actor.id, call.key, call.method, Buffer.from(call.requestHash)],
  };
}

/** The reply of the earlier call with the same key; undefined where none has ended well. */
export async function keptReply(session: Session, scope: TransactionScope, call: IdempotencyScope): Promise<unknown> {
  const { rows } = await session.run({
    text: 'select request_hash, reply from idempotency_keys where tenant_id = $1 and actor_id = $2 and key = $3',
    values: [scope.tenantId, scope.actor.id, call.key],
  });
  const kept = rows[0] as KeptReply | undefined;
  if (kept?.reply == null) return undefined;
  if (!kept.request_hash.equals(call.requestHash)) {
    throw new AppError(
      'invalid_argument',
      'IDEMPOTENCY_KEY_REUSED',
      'This idempotency key was used for another request.',
    );
  }
  return call.decode(kept.reply);
}

export function keyInUse(): AppError {
  return new AppError('aborted', 'IDEMPOTENCY_KEY_IN_USE', 'A call with this idempotency key is running. Try again.');
}

/** Keeps the reply; goes along with `commit`. */
export function keepStatement(scope: TransactionScope, call: IdempotencyScope, reply: unknown): Statement {
  return {
    text: 'update idempotency_keys set reply = $4 where tenant_id = $1 and actor_id = $2 and key = $3',
    values: [scope.tenantId, scope.actor.id, call.key, Buffer.from(call.encode(reply))],
  };
}
