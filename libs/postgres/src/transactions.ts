import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@flotilla/errors';
import type { Logger } from '@flotilla/observability';
import type { Pool } from 'pg';
import { propsOver } from './connection.ts';
import { type Conflicts, isConnectionLoss, toDatabaseError } from './errors.ts';
import { claimStatement, keepStatement, keptReply } from './idempotency.ts';
import { beginStatement, type IdempotencyScope, type TransactionScope } from './scope.ts';
import { openSession, type Session } from './session.ts';
import { ReadTx, Tx } from './tx.ts';

const maxAttempts = 4;
const retrySpreadMs = 40;

interface TransactionsOptions {
  readonly pool: Pool;
  readonly conflicts: Conflicts;
  readonly statementTimeoutMs: number;
  readonly now: () => Date;
  readonly onCommit: (() => void) | undefined;
  readonly log: Logger;
}

interface Terms {
  readonly deadline?: Date | undefined;
  readonly idempotency?: IdempotencyScope | undefined;
}

/** The only code that begins and ends transactions. */
export function createTransactions<S>(options: TransactionsOptions) {
  const { pool, conflicts, now, onCommit, log } = options;
  const toError = (error: unknown) => toDatabaseError(error, conflicts);

  async function once<T>(
    scope: TransactionScope,
    { deadline, idempotency }: Terms,
    body: ((tx: Tx<S>) => Promise<T>) | { readonly read: (tx: ReadTx<S>) => Promise<T> },
  ): Promise<T> {
    const remainingMs = deadline && deadline.getTime() - now().getTime();
    if (remainingMs !== undefined && remainingMs <= 0) {
      throw new AppError('deadline_exceeded', 'DEADLINE_EXCEEDED', 'The time for this call is over.');
    }
    const readOnly = typeof body !== 'function';
    const session = await openSession(pool, remainingMs).catch((error: unknown) => {
      throw toError(error);
    });
    let broken: unknown;
    try {
      const statementTimeoutMs =
        remainingMs === undefined ? undefined : Math.ceil(Math.min(remainingMs, options.statementTimeoutMs));
      const begin = beginStatement(scope, { readOnly, statementTimeoutMs });
      const claimed = await beginAndClaim(session, begin, scope, idempotency);
      if (!claimed && idempotency) {
        const reply = await keptReply(session, scope, idempotency);
        await session.run('rollback');
        return reply as T;
      }
      const props = propsOver(session, toError);
      const result = readOnly ? await body.read(new ReadTx<S>(props, scope)) : await body(new Tx<S>(props, scope));
      const wrote = await commit(session, readOnly, idempotency && keepStatement(scope, idempotency, result));
      if (wrote) onCommit?.();
      return result;
    } catch (error) {
      broken = await rollback(session, error);
      throw toAppErrorOf(error, toError);
    } finally {
      session.release(broken !== undefined);
    }
  }

  return {
    reading: <T>(scope: TransactionScope, deadline: Date | undefined, body: (tx: ReadTx<S>) => Promise<T>) =>
      once(scope, { deadline }, { read: body }),

    async writing<T>(scope: TransactionScope, terms: Terms, body: (tx: Tx<S>) => Promise<T>): Promise<T> {
      for (let attempt = 1; ; attempt++) {
        try {
          return await once(scope, terms, body);
        } catch (error) {
          const lostRace = error instanceof AppError && error.reason === 'TRANSACTION_CONFLICT';
          if (!lostRace || attempt === maxAttempts) throw error;
          log.debug({ err: error, attempt }, 'a transaction lost a conflict and runs again');
          // Two victims of one deadlock must not meet again in step.
          await delay(Math.random() * retrySpreadMs * attempt);
        }
      }
    },
  };
}

/** Tells whether the idempotency key was free; true without a key. */
async function beginAndClaim(
  session: Session,
  begin: string,
  scope: TransactionScope,
  idempotency: IdempotencyScope | undefined,
): Promise<boolean> {
  if (idempotency === undefined) {
    await session.run(begin);
    return true;
  }
  const results = await session.run(`${begin}; ${claimStatement(scope, idempotency)}`);
  return results.at(-1)?.rowCount === 1;
}

/** Tells whether the transaction wrote anything. */
async function commit(session: Session, readOnly: boolean, before: string | undefined): Promise<boolean> {
  const asks = readOnly ? 'commit' : 'select pg_current_xact_id_if_assigned() is not null as wrote; commit';
  const results = await session.run(before === undefined ? asks : `${before}; ${asks}`);
  // The server answers ROLLBACK to a commit after a failed statement whose error the body swallowed.
  if (results.at(-1)?.command !== 'COMMIT') {
    throw new AppError('internal', 'TRANSACTION_NOT_COMMITTED', 'Something went wrong on our side.');
  }
  return (results.at(-2)?.rows[0] as { wrote: boolean } | undefined)?.wrote === true;
}

/** Tells what is wrong with the connection, if anything: then it is not used again. */
async function rollback(session: Session, error: unknown): Promise<unknown> {
  const cause = error instanceof AppError && error.cause !== undefined ? error.cause : error;
  if (isConnectionLoss(cause)) return cause;
  try {
    await session.run('rollback');
    return undefined;
  } catch (problem) {
    return problem;
  }
}

/** Errors of the body itself pass as they are, the driver's are mapped. */
function toAppErrorOf(error: unknown, toError: (error: unknown) => AppError): unknown {
  const isDriverError = error instanceof Error && ('severity' in error || isConnectionLoss(error));
  return isDriverError ? toError(error) : error;
}
