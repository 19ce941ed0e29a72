import type { Tx } from '@flotilla/postgres';
import { type NewAttempt, noteReason, type OpenedAttempt, openAttempt } from '../db/attempt-repository.ts';
import { updateProgress } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';

/** Writes down that a running execution asks again. Undefined when it is not this owner's any more. */
export async function beginAttempt(
  { now }: { readonly now: () => Date },
  tx: Tx<Schema>,
  { owner, because, ...attempt }: { owner: string; because: string } & Omit<NewAttempt, 'startedAt'>,
): Promise<OpenedAttempt | undefined> {
  const progress = { attempts: attempt.attempt, lastCursor: undefined };
  if (!(await updateProgress(tx, attempt.executionId, owner, progress))) return undefined;
  const opened = openAttempt(tx, { ...attempt, startedAt: now() });
  noteReason(tx, attempt.executionId, attempt.attempt, because);
  return await opened;
}
