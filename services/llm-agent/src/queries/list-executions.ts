import { type Cursor, pageToken, type ReadTx } from '@flotilla/postgres';
import {
  type ExecutionFilter,
  findExecutions,
  listExecutionSizes,
  type StoredExecution,
} from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';

/** Texts of a page together. A page ends early rather than becoming a message that nobody accepts. */
const maxPageBytes = 1_500_000;

/** A page of executions, newest first: up to `size`, fewer where they are large, one at least. */
export async function listExecutions(
  tx: ReadTx<Schema>,
  filter: ExecutionFilter,
  { cursor, size }: { cursor: Cursor | undefined; size: number },
): Promise<{ executions: StoredExecution[]; nextPageToken: string }> {
  const candidates = await listExecutionSizes(tx, filter, { cursor, limit: size + 1 });
  let bytes = 0;
  const fitting = candidates.slice(0, size).filter((candidate, index) => {
    bytes += candidate.bytes;
    return index === 0 || bytes <= maxPageBytes;
  });
  const last = fitting.at(-1);
  return {
    executions: await findExecutions(
      tx,
      fitting.map(({ id }) => id),
    ),
    nextPageToken: last && candidates.length > fitting.length ? pageToken.encode({ id: last.id }) : '',
  };
}
