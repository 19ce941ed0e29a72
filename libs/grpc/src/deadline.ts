import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError } from '@flotilla/errors';

const current = new AsyncLocalStorage<Date | undefined>();
const marginMs = 20;

/** Runs `work` so that every remote call made inside it ends before `deadline`. Nested deadlines only shrink. */
export function withDeadline<T>(deadline: Date, work: () => T): T {
  const outer = current.getStore();
  return current.run(outer !== undefined && outer < deadline ? outer : deadline, work);
}

/** Runs `work` that begins in a call and outlives it: what it asks of others has time of its own. */
export function withoutDeadline<T>(work: () => T): T {
  return current.run(undefined, work);
}

/** Milliseconds that a remote call may take: what it asks for, or what is left of the call that it serves. Throws when nothing is left. */
export function remainingMs(wishedMs: number): number {
  const deadline = current.getStore();
  const leftMs = deadline === undefined ? wishedMs : Math.min(wishedMs, deadline.getTime() - Date.now() - marginMs);
  if (leftMs <= 0) throw deadlineExceeded();
  return leftMs;
}

/** The answer to a caller whose time is up. */
export function deadlineExceeded(cause?: unknown): AppError {
  return new AppError('deadline_exceeded', 'DEADLINE_EXCEEDED', 'The call took longer than its deadline.', { cause });
}
