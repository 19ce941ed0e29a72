import type { Tx } from '@flotilla/postgres';
import { listAttempts } from '../db/attempt-repository.ts';
import { lockExecution } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { markToolCallsUnknown } from '../db/tool-call-repository.ts';
import { type Ending, isFinished } from '../domain/execution.ts';
import { sumOfCosts } from '../domain/price.ts';
import { noTokens } from '../domain/tokens.ts';
import { finishExecution } from './finish-execution.ts';

/**
 * Ends an execution whose process let its lease run out; false when there is nothing to end. Looks again under the lock:
 * the process may have come back, or another replica's sweep may have been here.
 */
export async function endLostExecution(
  clock: { readonly now: () => Date },
  tx: Tx<Schema>,
  id: string,
): Promise<boolean> {
  const found = await lockExecution(tx, id);
  if (found === undefined || isFinished(found.execution.status) || !found.leaseIsOver) return false;
  const attempts = await listAttempts(tx, id);
  const ending: Ending = found.cancelRequested
    ? { status: 'cancelled', reason: 'CANCELLED', message: 'The execution was cancelled; its process had died.' }
    : {
        status: 'failed',
        reason: 'EXECUTION_LOST',
        message: 'The process that ran the execution died. Whether the provider answered is not known.',
      };
  markToolCallsUnknown(tx, id, clock.now());
  const ended = await finishExecution(clock, tx, {
    execution: found.execution,
    owner: found.leaseOwner,
    ending,
    spent: {
      promptTokens: attempts.reduce((sum, { promptTokens }) => sum + promptTokens, 0),
      completionTokens: attempts.reduce((sum, { completionTokens }) => sum + completionTokens, 0),
      costUsd: sumOfCosts(attempts.map(({ costUsd }) => costUsd)),
      attempts: attempts.length,
    },
    settlement: {
      ...noTokens,
      status: 'unknown',
      costUsd: undefined,
      errorReason: 'EXECUTION_LOST',
    },
    news: [],
    lastCursor: found.execution.lastCursor,
  });
  return ended !== undefined;
}
