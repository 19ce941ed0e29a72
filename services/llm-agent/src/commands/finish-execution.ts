import { ExecutionFinishedSchema } from '@flotilla/contracts/agent';
import type { Tx } from '@flotilla/postgres';
import { settleAttempt } from '../db/attempt-repository.ts';
import type { StoredExecution } from '../db/execution-repository.ts';
import { updateFinished } from '../db/execution-writes.ts';
import type { Schema } from '../db/schema.ts';
import type { ExecutionNews } from '../db/update-repository.ts';
import { type Ending, type Execution, ExecutionTaken, finish, type Spent } from '../domain/execution.ts';
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

/**
 * Ends the execution, settles its open attempt and tells followers.
 *
 * @throws ExecutionTaken when it was not this owner's any more; then the transaction fails
 */
export async function finishExecution(
  { now }: { readonly now: () => Date },
  tx: Tx<Schema>,
  { execution, owner, ending, spent, settlement, news, lastCursor }: Finish,
): Promise<Finished> {
  const turn = await holdTurn(tx, execution);
  const at = now();
  const finished = finish(execution, ending, spent, at);
  const cursor = lastCursor + 1;
  updateFinished(tx, finished, {
    owner,
    lastCursor: cursor,
    news: [...news, { cursor, kind: 'finished' }],
    event: {
      schema: ExecutionFinishedSchema,
      message: { execution: toExecutionSummary(finished) },
      id: execution.id,
    },
    lost: () => new ExecutionTaken(),
  });
  await turn.conclude(finished);
  const attempt = { executionId: execution.id, attempt: spent.attempts };
  const due = settlement ? settleAttempt(tx, attempt, settlement, at) : Promise.resolve([]);
  return { execution: { ...finished, lastCursor: cursor }, due };
}
