import type { Tx } from '@flotilla/postgres';
import { lockExecution, markCancelRequested } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type Execution, isFinished } from '../domain/execution.ts';
import { executionNotFound } from '../domain/not-found.ts';

/** Leaves word for the process that runs it, whichever that is; a finished execution stays as it is. */
export async function requestCancel(
  { now }: { readonly now: () => Date },
  tx: Tx<Schema>,
  id: string,
): Promise<Execution> {
  const found = await lockExecution(tx, id);
  if (found === undefined) throw executionNotFound();
  if (!isFinished(found.execution.status)) await markCancelRequested(tx, id, now());
  return found.execution;
}
