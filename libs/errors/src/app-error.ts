/** Every way in which something can be refused or fail. Each edge has one table that says what it makes of them. */
export const errorCodes = [
  'invalid_argument',
  'failed_precondition',
  'unauthenticated',
  'permission_denied',
  'not_found',
  'already_exists',
  'aborted',
  'resource_exhausted',
  'budget_exceeded',
  'cancelled',
  'unavailable',
  'deadline_exceeded',
  'internal',
] as const;

/** One of {@link errorCodes}. */
export type ErrorCode = (typeof errorCodes)[number];

/** One thing that is wrong with a request. */
export interface Violation {
  /** A field path (`config.min`) or a JSON pointer (`/steps/3/when`). */
  readonly field: string;
  /** Stable, for programs. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
}

/** What an {@link AppError} may carry beyond its three words. */
export interface AppErrorOptions {
  /** Stays in the process: logged, never sent. */
  readonly cause?: unknown;
  readonly violations?: readonly Violation[] | undefined;
  /** For `resource_exhausted` and `unavailable`: when another try makes sense. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * The error that crosses borders. Everything but the cause is public.
 *
 * @example
 * throw new AppError('not_found', 'AGENT_NOT_FOUND', 'There is no such agent.');
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  /** Stable, upper case, listed in docs/errors.md. */
  readonly reason: string;
  readonly violations: readonly Violation[];
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, reason: string, publicMessage: string, options: AppErrorOptions = {}) {
    super(publicMessage, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.reason = reason;
    this.violations = options.violations ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Passes an {@link AppError} through and turns anything else into `internal`: its text is withheld, it becomes the cause. */
export function toAppError(error: unknown): AppError {
  return error instanceof AppError
    ? error
    : new AppError('internal', 'INTERNAL', 'Something went wrong on our side.', { cause: error });
}
