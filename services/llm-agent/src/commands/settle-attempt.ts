import type { Tx } from '@flotilla/postgres';
import { settleAttempt as settleLine } from '../db/attempt-repository.ts';
import { updateProgress } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Settlement } from '../domain/settlement.ts';

/** Settles an attempt of an execution that goes on. Undefined when it is not this owner's any more. */
export async function settleAttempt(
  { now }: { readonly now: () => Date },
  tx: Tx<Schema>,
  attempt: { executionId: string; attempt: number; owner: string },
  settlement: Settlement,
): Promise<{ readonly due: Promise<readonly string[]> } | undefined> {
  const progress = { attempts: attempt.attempt, lastCursor: undefined };
  if (!(await updateProgress(tx, attempt.executionId, attempt.owner, progress))) return undefined;
  return { due: settleLine(tx, attempt, settlement, now()) };
}
