import { ExecutionFinishedSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { settleAttempt } from '../db/attempt-repository.ts';
import { type StoredExecution, updateFinished } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type ExecutionNews, insertNews } from '../db/update-repository.ts';
import { type Ending, type Execution, finish, type Spent } from '../domain/execution.ts';
import type { Settlement } from '../domain/settlement.ts';
import { toExecutionSummary } from '../messages/execution-message.ts';
import { holdTurn } from './conclude-turn.ts';

export interface Finish {
  /** As it was when it was last written. */
  readonly execution: Execution;
  readonly owner: string;
  readonly ending: Ending;
  readonly spent: Spent;
  /** Of the attempt that is open, if one is. */
  readonly settlement: Settlement | undefined;
  /** What followers have not been told yet. */
  readonly news: readonly ExecutionNews[];
  readonly lastCursor: number;
}

/** How an execution ended, and, once the transaction is through, the budget periods of which to warn. */
export interface Finished {
  readonly execution: StoredExecution;
  readonly due: Promise<readonly string[]>;
}

/** Ends the execution, settles its open attempt and tells followers. Undefined when it was not this owner's any more. */
export async function finishExecution(
  { now }: { readonly now: () => Date },
  tx: Tx<Schema>,
  { execution, owner, ending, spent, settlement, news, lastCursor }: Finish,
): Promise<Finished | undefined> {
  const turn = await holdTurn(tx, execution);
  const at = now();
  const finished = finish(execution, ending, spent, at);
  const cursor = lastCursor + 1;
  if (!(await updateFinished(tx, finished, { owner, lastCursor: cursor }))) return undefined;
  insertNews(tx, execution.id, [...news, { cursor, kind: 'finished' }]);
  await turn.conclude(finished);
  await appendEvent(tx, {
    schema: ExecutionFinishedSchema,
    message: { execution: toExecutionSummary(finished) },
    id: execution.id,
  });
  const attempt = { executionId: execution.id, attempt: spent.attempts };
  const due = settlement ? settleAttempt(tx, attempt, settlement, at) : Promise.resolve([]);
  return { execution: { ...finished, lastCursor: cursor }, due };
}
