import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError } from '@flotilla/errors';

/** The time of a call that is being served. */
interface Limit {
  readonly deadline: Date;
  /** The call is answered: what it left behind goes on for as long as it wants. */
  isOver: boolean;
}

const current = new AsyncLocalStorage<Limit | undefined>();
const marginMs = 20;

/** Runs `work` so that every remote call made inside it ends before `deadline`, until `work` ends. Nested deadlines only shrink. */
export async function withDeadline<T>(deadline: Date, work: () => Promise<T>): Promise<T> {
  const outer = current.getStore();
  const isWithin = outer !== undefined && !outer.isOver && outer.deadline < deadline;
  const limit: Limit = { deadline: isWithin ? outer.deadline : deadline, isOver: false };
  try {
    return await current.run(limit, work);
  } finally {
    limit.isOver = true;
  }
}

/** Runs `work` that begins in a call and is not its alone, or outlives it: what it asks of others has time of its own. */
export function withoutDeadline<T>(work: () => T): T {
  return current.run(undefined, work);
}

/** Milliseconds that a remote call may take: what it asks for, or what is left of the call that it serves. Throws when nothing is left. */
export function remainingMs(wishedMs: number): number {
  const limit = current.getStore();
  if (limit === undefined || limit.isOver) return wishedMs;
  const leftMs = Math.min(wishedMs, limit.deadline.getTime() - Date.now() - marginMs);
  if (leftMs <= 0) throw deadlineExceeded();
  return leftMs;
}

/** The answer to a caller whose time is up. */
export function deadlineExceeded(cause?: unknown): AppError {
  return new AppError('deadline_exceeded', 'DEADLINE_EXCEEDED', 'The call took longer than its deadline.', { cause });
}
