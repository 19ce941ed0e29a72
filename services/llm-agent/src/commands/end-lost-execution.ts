import type { Tx } from '@flotilla/postgres';
import { listAttempts } from '../db/attempt-repository.ts';
import { lockExecution } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { markToolCallsUnknown } from '../db/tool-call-repository.ts';
import { type Ending, isFinished } from '../domain/execution.ts';
import { sumOfCosts } from '../domain/price.ts';
import { chargeReserved } from '../domain/settlement.ts';
import { finishExecution } from './finish-execution.ts';

/**
 * Ends an execution whose process let its lease run out; undefined when there is nothing to end. Looks again under the lock:
 * the process may have come back, or another replica's sweep may have been here.
 */
export async function endLostExecution(
  clock: { readonly now: () => Date },
  tx: Tx<Schema>,
  id: string,
): Promise<{ readonly due: Promise<readonly string[]> } | undefined> {
  const found = await lockExecution(tx, id);
  if (found === undefined || isFinished(found.execution.status) || !found.leaseIsOver) return undefined;
  const attempts = await listAttempts(tx, id);
  const open = attempts.find(({ status }) => status === 'started');
  const charge = open && chargeReserved(open);
  const charges = attempts.map((attempt) => (attempt === open && charge ? charge : attempt));
  const ending: Ending = found.cancelRequested
    ? { status: 'cancelled', reason: 'CANCELLED', message: 'The execution was cancelled; its process had died.' }
    : {
        status: 'failed',
        reason: 'EXECUTION_LOST',
        message: 'The process that ran the execution died. Whether the provider answered is not known.',
      };
  markToolCallsUnknown(tx, id, clock.now());
  return finishExecution(clock, tx, {
    execution: found.execution,
    owner: found.leaseOwner,
    ending,
    spent: {
      promptTokens: charges.reduce((sum, { promptTokens }) => sum + promptTokens, 0),
      completionTokens: charges.reduce((sum, { completionTokens }) => sum + completionTokens, 0),
      costUsd: sumOfCosts(charges.map(({ costUsd }) => costUsd)),
      attempts: attempts.length,
    },
    settlement: charge && { ...charge, status: 'unknown', errorReason: 'EXECUTION_LOST' },
    news: [],
    lastCursor: found.execution.lastCursor,
  });
}
