import { AppError, type ErrorCode } from '@flotilla/errors';

/** What a violated constraint means to a caller. */
export type Conflict = readonly [code: ErrorCode, reason: string, message: string];

/** By the name of the constraint or unique index. */
export type Conflicts = Readonly<Record<string, Conflict>>;

/** What the database driver tells about a failure; all of it optional, for not every error comes from the server. */
interface DriverError extends Error {
  readonly code?: string;
  readonly constraint?: string;
}

const connectionErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** What the pool says when none of its connections came free in time. */
export const poolExhausted = 'timeout exceeded when trying to connect';

/**
 * Turns a failure of the driver into the error that callers may see. Text of the database never gets out: it can hold
 * values, or tell that another tenant has something.
 */
export function toDatabaseError(error: unknown, conflicts: Conflicts): AppError {
  if (error instanceof AppError) return error;
  const { code = '', constraint = '', message = '' } = (error ?? {}) as DriverError;
  const cause = { cause: error };
  if (/^23(505|503|514|P01|502)$/.test(code)) return toConflict(code, constraint, conflicts, error);
  // An earlier statement failed, and the body swallowed that or does not know it yet: nothing more can come of this transaction.
  // A statement that was to be prepared behind the failure was skipped, and is missed by name when it is given again.
  if (code === '25P02' || code === '26000') return notCommitted(error);
  if (code === '40001' || code === '40P01' || isStalePlan(error)) {
    return new AppError('aborted', 'TRANSACTION_CONFLICT', 'Someone else changed the same data. Try again.', cause);
  }
  if (code === '55P03') return new AppError('aborted', 'LOCK_TIMEOUT', 'The data is in use. Try again.', cause);
  if (code === '57014' || code === '25P03' || code === '25P04' || message === 'Query read timeout') {
    return new AppError('deadline_exceeded', 'DATABASE_TIMEOUT', 'The database took too long.', cause);
  }
  if (message === poolExhausted) {
    return new AppError('unavailable', 'DATABASE_BUSY', 'All connections to the database are in use. Try again.', {
      ...cause,
      retryAfterMs: 1_000,
    });
  }
  if (isConnectionLoss(error)) {
    return new AppError('unavailable', 'DATABASE_UNAVAILABLE', 'The database is not available.', cause);
  }
  if (code.startsWith('22')) {
    return new AppError('invalid_argument', 'INVALID_VALUE', 'A value cannot be stored.', cause);
  }
  return new AppError('internal', 'INTERNAL', 'Something went wrong on our side.', cause);
}

/** A failed statement, or one whose failure the body swallowed, left nothing to commit. */
export function notCommitted(cause?: unknown): AppError {
  return new AppError('internal', 'TRANSACTION_NOT_COMMITTED', 'Something went wrong on our side.', { cause });
}

/** A migration changed the type of a column under a statement that this connection had planned before. */
export function isStalePlan(error: unknown): boolean {
  const { code, message = '' } = (error ?? {}) as DriverError;
  return code === '0A000' && message.includes('cached plan must not change result type');
}

/** Whether the connection is of no more use. */
export function isConnectionLoss(error: unknown): boolean {
  const { code = '', message = '' } = (error ?? {}) as DriverError;
  return (
    connectionErrors.has(code) ||
    /^(08|57P0[1-5]|53[0-9A-Z]{3}|25P0[34]$)/.test(code) ||
    /Connection terminated|timeout exceeded when trying to connect|not queryable|Query read timeout|the database system is/i.test(
      message,
    )
  );
}

function toConflict(code: string, constraint: string, conflicts: Conflicts, cause: unknown): AppError {
  const known = conflicts[constraint];
  if (known !== undefined) return new AppError(known[0], known[1], known[2], { cause });
  return code === '23514' || code === '23502'
    ? new AppError('invalid_argument', 'CONSTRAINT_VIOLATED', 'The data breaks a rule of the database.', { cause })
    : new AppError('already_exists', 'CONFLICT', 'This conflicts with existing data.', { cause });
}
