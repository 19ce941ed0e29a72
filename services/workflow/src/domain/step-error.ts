import { type AppError, toAppError } from '@flotilla/errors';
import type { StepError } from './journal.ts';

/** What went wrong, as the journal says it. */
export function stepError(failure: unknown): StepError & { readonly error: AppError } {
  const error = toAppError(failure);
  return { reason: error.reason, message: error.message, error };
}
