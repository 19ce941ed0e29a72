import type { Tx } from '@flotilla/postgres';
import { updateProgress } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type ExecutionNews, insertNews } from '../db/update-repository.ts';

export interface Progress {
  readonly executionId: string;
  readonly owner: string;
  readonly attempts: number;
  readonly news: readonly ExecutionNews[];
  readonly lastCursor: number;
}

/** Writes what followers are told of a running execution. False when it is not this owner's any more. */
export async function noteProgress(
  tx: Tx<Schema>,
  { executionId, owner, attempts, news, lastCursor }: Progress,
): Promise<boolean> {
  if (!(await updateProgress(tx, executionId, owner, { attempts, lastCursor }))) return false;
  insertNews(tx, executionId, news);
  return true;
}
