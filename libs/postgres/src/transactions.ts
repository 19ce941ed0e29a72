import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@flotilla/errors';
import type { Logger } from '@flotilla/observability';
import type { Pool } from 'pg';
import { propsOver } from './connection.ts';
import { type Conflicts, isConnectionLoss, isStalePlan, notCommitted, toDatabaseError } from './errors.ts';
import { claimStatement, keepStatement, keptReply, keyInUse } from './idempotency.ts';
import { type IdempotencyScope, settingsStatement, type TransactionScope } from './scope.ts';
import { openSession, type Session, type Statement } from './session.ts';
import { ReadTx, Tx } from './tx.ts';

const begin: Statement = { text: 'begin' };
const beginReadOnly: Statement = { text: 'begin read only' };
const commit: Statement = { text: 'commit' };
const rollback: Statement = { text: 'rollback' };
const askWrote: Statement = { text: 'select pg_current_xact_id_if_assigned() is not null as wrote', values: [] };

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
    body: ((tx: Tx<S>) => Promise<T>) | { readonly read: (tx: ReadTx<S>, session: Session) => Promise<T> },
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
      session.send(readOnly ? beginReadOnly : begin);
      session.send(settingsStatement(scope, statementTimeoutMs));
      if (idempotency && (await session.run(claimStatement(scope, idempotency))).rowCount !== 1) {
        const reply = await keptReply(session, scope, idempotency);
        if (reply === undefined) throw keyInUse();
        await session.run(rollback);
        return reply as T;
      }
      const props = propsOver(session, toError);
      const tx = readOnly ? undefined : new Tx<S>(props, scope, session);
      const result = readOnly ? await body.read(new ReadTx<S>(props, scope), session) : await body(tx as Tx<S>);
      if (idempotency) session.send(keepStatement(scope, idempotency, result));
      const wrote = await end(session, readOnly);
      if (wrote) onCommit?.();
      tx?.committed();
      return result;
    } catch (error) {
      const first = firstFailure(session, error);
      broken = await undo(session, first);
      throw toAppErrorOf(first, toError);
    } finally {
      session.release(broken !== undefined);
    }
  }

  async function again<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        const lostRace = error instanceof AppError && error.reason === 'TRANSACTION_CONFLICT';
        if (!lostRace || attempt === maxAttempts) throw error;
        log.debug({ err: error, attempt }, 'a transaction lost a conflict and runs again');
        // Two victims of one deadlock must not meet again in step.
        await delay(Math.random() * retrySpreadMs * attempt);
      }
    }
  }

  return {
    reading: <T>(scope: TransactionScope, deadline: Date | undefined, body: (tx: ReadTx<S>) => Promise<T>) =>
      again(() => once(scope, { deadline }, { read: body })),
    replied: (scope: TransactionScope, { deadline, idempotency }: Terms) =>
      idempotency &&
      again(() => once(scope, { deadline }, { read: (_, session) => keptReply(session, scope, idempotency) })),
    writing: <T>(scope: TransactionScope, terms: Terms, body: (tx: Tx<S>) => Promise<T>) =>
      again(() => once(scope, terms, body)),
  };
}

/** Commits, and tells whether the transaction wrote anything; it may have where it was meant to. */
async function end(session: Session, readOnly: boolean): Promise<boolean> {
  const wrote = readOnly || session.writes() ? undefined : session.run(askWrote);
  const [asked, committed] = await Promise.allSettled([wrote, session.run(commit)]);
  const failure = session.failure();
  if (failure !== undefined) throw failure;
  if (committed.status === 'rejected') throw committed.reason;
  // The server answers ROLLBACK to a commit after a failed statement whose error the body swallowed.
  if (committed.value.command !== 'COMMIT') throw notCommitted();
  if (wrote === undefined) return !readOnly;
  return asked.status === 'fulfilled' && (asked.value?.rows[0] as { wrote: boolean } | undefined)?.wrote === true;
}

/** Statements after one that was sent and failed are refused for that alone: the first failure says why. */
function firstFailure(session: Session, error: unknown): unknown {
  const isConsequence = error instanceof AppError ? error.reason === 'TRANSACTION_NOT_COMMITTED' : isDriverError(error);
  return isConsequence ? (session.failure() ?? error) : error;
}

/** Tells what is wrong with the connection, if anything: then it is not used again. */
async function undo(session: Session, error: unknown): Promise<unknown> {
  const cause = error instanceof AppError && error.cause !== undefined ? error.cause : error;
  if (isConnectionLoss(cause) || isStalePlan(cause)) return cause;
  try {
    await session.run(rollback);
    return undefined;
  } catch (problem) {
    return problem;
  }
}

/** Errors of the body itself pass as they are, the driver's are mapped. */
function toAppErrorOf(error: unknown, toError: (error: unknown) => AppError): unknown {
  return isDriverError(error) ? toError(error) : error;
}

function isDriverError(error: unknown): boolean {
  return error instanceof Error && !(error instanceof AppError) && ('severity' in error || isConnectionLoss(error));
}
