import { retryable, toAppError } from '@flotilla/errors';
import type { Logger } from '@flotilla/observability';
import { ApplicationFailure, Context } from '@temporalio/activity';

/** What an activity knows about its attempt. */
export interface AttemptInfo {
  /** From 1. */
  readonly attempt: number;
  /** Aborted when the workflow cancels the activity, or when the worker goes down. */
  readonly signal: AbortSignal;
  /** Whether it is the worker that goes down: another one then does the activity again. */
  isShutdown(): boolean;
}

const beatMs = 1_000;

/**
 * Runs one attempt of an activity: with a heartbeat, and with errors as Temporal wants them. Of an error only its stable reason
 * goes into the history.
 */
export async function runAttempt<T>(log: Logger, work: (info: AttemptInfo) => Promise<T>): Promise<T> {
  const context = Context.current();
  const beat = context.info.isLocal ? undefined : setInterval(() => context.heartbeat(), beatMs);
  try {
    return await work({
      attempt: context.info.attempt,
      signal: context.cancellationSignal,
      isShutdown: () => context.cancellationDetails?.workerShutdown === true,
    });
  } catch (failure) {
    const error = toAppError(failure);
    if (error.code === 'internal') log.error({ err: error, activity: context.info.activityType }, 'an activity failed');
    const told = ApplicationFailure.create({
      message: error.reason,
      type: error.reason,
      nonRetryable: !retryable(error.code),
      ...(error.retryAfterMs === undefined ? {} : { nextRetryDelay: error.retryAfterMs }),
    });
    told.stack = ''; // where our code lies is nobody's business either
    throw told;
  } finally {
    clearInterval(beat);
  }
}
