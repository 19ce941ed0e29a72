import { randomUUID } from 'node:crypto';
import { BudgetLevel, BudgetPeriod, ExecutionStatus } from '@flotilla/contracts/agent';
import { eventually, type IdentityServer, modelReplies, startTestIdentity } from '@flotilla/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { endOf, environment, type LlmAgent, startLlmAgent } from '../harness.ts';
import { bundle, type ReplicaProcess, startReplicaProcess } from './replica-process.ts';

let survivor: LlmAgent;
let identity: IdentityServer;
let victim: ReplicaProcess | undefined;
beforeAll(async () => {
  bundle();
  survivor = await startLlmAgent();
  identity = await startTestIdentity();
});
afterEach(() => victim?.close());
afterAll(async () => {
  await survivor?.stop();
  await identity?.stop();
});

/** Begins an execution on a process of its own and returns once the provider has been asked. */
async function beginElsewhere(env: Record<string, string> = {}) {
  const agentId = await survivor.createAgent();
  const principal = { tenantId: survivor.tenantId, userId: survivor.userId };
  const replica = await startReplicaProcess({ ...environment(survivor), ...env }, identity, principal);
  victim = replica;
  const asked = Promise.withResolvers<void>();
  const mayAnswer = Promise.withResolvers<void>();
  const hits = survivor.model.requests.length;
  survivor.model.play(async () => {
    asked.resolve();
    await mayAnswer.promise;
    return modelReplies.text('Late.');
  });
  const idempotencyKey = randomUUID();
  const call = replica.executions.executeAgent({ agentId, prompt: 'x' }, { idempotencyKey });
  call.catch(() => undefined);
  await asked.promise;
  const { executions } = await survivor.executions.listExecutions({ agentId });
  return {
    replica,
    call,
    id: executions[0]?.id ?? '',
    letAnswer: mayAnswer.resolve,
    again: () => survivor.executions.executeAgent({ agentId, prompt: 'x' }, { idempotencyKey }),
    hits: () => survivor.model.requests.length - hits,
  };
}

test('an execution whose process is killed ends in a clear state, once, for every follower', async () => {
  const { replica, id, again, hits } = await beginElsewhere();
  const follower = Array.fromAsync(survivor.executions.watchExecution({ id }));
  replica.signal('SIGKILL');
  const lost = { id, status: ExecutionStatus.FAILED, errorReason: 'EXECUTION_LOST' };
  expect(endOf(await follower)).toMatchObject(lost);
  expect(await again()).toMatchObject(lost);
  expect(await survivor.ledger(id)).toEqual(['4 EXECUTION_LOST']);
  expect(hits()).toBe(1);
});

test('what a killed process had reserved counts as spent, once, and the ledger says that it is an estimate', async () => {
  const { TENANT } = BudgetLevel;
  const wish = { level: TENANT, period: BudgetPeriod.TOTAL, limitTokens: 1_000_000n };
  const { id: budgetId } = await survivor.budgets.createBudget(wish);
  const spending = async () => (await survivor.budgets.listBudgetPeriods({ budgetId })).periods[0];
  const { replica, id, again } = await beginElsewhere();
  const before = await spending();
  expect(before?.reservedTokens).toBeGreaterThan(0n);
  replica.signal('SIGKILL');
  const lost = await again();
  expect(lost).toMatchObject({ id, errorReason: 'EXECUTION_LOST', totalTokens: Number(before?.reservedTokens) });
  expect(await spending()).toMatchObject({
    spentTokens: (before?.spentTokens ?? 0n) + (before?.reservedTokens ?? 0n),
    reservedTokens: 0n,
  });
  const { attempts } = await survivor.executions.listProviderAttempts({ executionId: id });
  expect(attempts).toMatchObject([{ usageEstimated: true, errorReason: 'EXECUTION_LOST' }]);
  await survivor.budgets.deleteBudget({ id: budgetId });
});

test('a process that was frozen past its lease writes nothing any more', async () => {
  const { replica, id, letAnswer, again, hits } = await beginElsewhere();
  replica.signal('SIGSTOP');
  const lost = { id, status: ExecutionStatus.FAILED, errorReason: 'EXECUTION_LOST', response: '' };
  const end = await again();
  expect(end).toMatchObject(lost);
  letAnswer();
  replica.signal('SIGCONT');
  // The thawed process serves again, and by then it has had the answer and tried to write it.
  const sentinel = await replica.executions.getExecution({ id });
  expect(sentinel).toEqual(end);
  await eventually(async () => {
    const { executions } = await replica.executions.listExecutions({ status: ExecutionStatus.RUNNING });
    expect(executions).toEqual([]);
  });
  expect(await survivor.executions.getExecution({ id })).toEqual(end);
  expect(await survivor.ledger(id)).toEqual(['4 EXECUTION_LOST']);
  expect(hits()).toBe(1);
});

test('a process that is asked to stop finishes what it runs, and answers', async () => {
  const { replica, call, letAnswer } = await beginElsewhere({ FLOTILLA_SHUTDOWN_GRACE_MS: '20000' });
  replica.signal('SIGTERM');
  letAnswer();
  expect(await call).toMatchObject({ status: ExecutionStatus.COMPLETED, response: 'Late.' });
  await replica.exited;
});

test('what does not finish in the time for stopping is ended as interrupted', async () => {
  const { replica, id } = await beginElsewhere({ FLOTILLA_SHUTDOWN_GRACE_MS: '3500' });
  replica.signal('SIGTERM');
  await replica.exited;
  expect(await survivor.executions.getExecution({ id })).toMatchObject({
    status: ExecutionStatus.FAILED,
    errorReason: 'EXECUTION_INTERRUPTED',
  });
  expect(await survivor.ledger(id)).toEqual(['3 EXECUTION_INTERRUPTED']);
});
