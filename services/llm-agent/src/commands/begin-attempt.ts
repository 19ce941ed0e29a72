import type { Tx } from '@flotilla/postgres';
import { type NewAttempt, openAttempt } from '../db/attempt-repository.ts';
import { updateProgress } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Price } from '../domain/price.ts';

/** What a call is charged by. */
export interface BegunAttempt {
  readonly price: Price | undefined;
}

/** Writes down that a running execution asks again. Undefined when it is not this owner's any more. */
export async function beginAttempt(
  { now }: { readonly now: () => Date },
  tx: Tx<Schema>,
  { owner, ...attempt }: { owner: string } & Omit<NewAttempt, 'startedAt'>,
): Promise<BegunAttempt | undefined> {
  const progress = { attempts: attempt.attempt, lastCursor: undefined };
  if (!(await updateProgress(tx, attempt.executionId, owner, progress))) return undefined;
  return { price: await openAttempt(tx, { ...attempt, startedAt: now() }) };
}
