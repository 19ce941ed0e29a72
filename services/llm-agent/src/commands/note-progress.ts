import type { Tx } from '@flotilla/postgres';
import { type Settlement, settleAttempt } from '../db/attempt-repository.ts';
import { updateProgress } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type ExecutionNews, insertNews } from '../db/update-repository.ts';

export interface Progress {
  readonly executionId: string;
  readonly owner: string;
  readonly attempts: number;
  readonly news?: readonly ExecutionNews[];
  readonly lastCursor?: number;
  readonly settled?: { readonly attempt: number; readonly settlement: Settlement };
}

/** Writes what happened to a running execution. False when it is not this owner's any more: then nothing is written. */
export async function noteProgress(
  { now }: { readonly now: () => Date },
  tx: Tx<Schema>,
  { executionId, owner, attempts, news = [], lastCursor, settled }: Progress,
): Promise<boolean> {
  if (!(await updateProgress(tx, executionId, owner, { attempts, lastCursor }))) return false;
  const at = now();
  if (settled) settleAttempt(tx, { executionId, attempt: settled.attempt }, settled.settlement, at);
  insertNews(tx, executionId, news);
  return true;
}
