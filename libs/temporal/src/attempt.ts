import { type AppError, retryable, toAppError } from '@flotilla/errors';
import type { Logger } from '@flotilla/observability';
import { ApplicationFailure, Context } from '@temporalio/activity';

/** What an activity knows about its attempt. */
export interface AttemptInfo {
  /** From 1. */
  readonly attempt: number;
  /** Aborted when the workflow cancels the activity, and also when this attempt is none any more: its worker goes down, or it was given to another. */
  readonly signal: AbortSignal;
  /** Whether it was the workflow that cancelled. */
  wasCancelled(): boolean;
}

const beatMs = 1_000;

/** What the activities of a workflow have in common. */
export interface AttemptOptions {
  readonly log: Logger;
  /** Errors after which the activity is not attempted again. By default what `retryable` says of their code. */
  readonly isFinal?: (error: AppError) => boolean;
}

/**
 * Runs one attempt of an activity: with a heartbeat, and with errors as Temporal wants them. Of an error only its stable reason
 * goes into the history.
 */
export async function runAttempt<T>(options: AttemptOptions, work: (info: AttemptInfo) => Promise<T>): Promise<T> {
  const { log, isFinal = ({ code }) => !retryable(code) } = options;
  const context = Context.current();
  const beat = context.info.isLocal ? undefined : setInterval(() => context.heartbeat(), beatMs);
  try {
    return await work({
      attempt: context.info.attempt,
      signal: context.cancellationSignal,
      wasCancelled: () => context.cancellationDetails?.cancelRequested === true,
    });
  } catch (failure) {
    const error = toAppError(failure);
    // An attempt that was given to another worker ends by its signal.
    const isOurs = !context.cancellationSignal.aborted;
    if (error.code === 'internal' && isOurs)
      log.error({ err: error, activity: context.info.activityType }, 'an activity failed');
    const told = ApplicationFailure.create({
      message: error.reason,
      type: error.reason,
      nonRetryable: isFinal(error),
      ...(error.retryAfterMs === undefined ? {} : { nextRetryDelay: error.retryAfterMs }),
    });
    told.stack = ''; // where our code lies is nobody's business either
    throw told;
  } finally {
    clearInterval(beat);
  }
}
