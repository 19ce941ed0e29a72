import { randomUUID } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import {
  BudgetExceededSchema,
  BudgetLevel,
  BudgetPeriod,
  BudgetWarningSchema,
  ExecutionStatus,
} from '@flotilla/contracts/agent';
import { type ModelReply, modelReplies, tenant } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Clients, type LlmAgent, startLlmAgent } from './harness.ts';

let fleet: LlmAgent;
beforeAll(async () => {
  fleet = await startLlmAgent({ LLM_AGENT_DEFAULT_MAX_TOKENS: '100' });
});
afterAll(() => fleet?.stop());

const provider = 'openai-compatible';
const prompt = 'x'.repeat(50);
/** What a call reserves: the bytes of both messages, 16 tokens around each, and 100 tokens of an answer. */
const reserved = 50 + 'You answer.'.length + 2 * 16 + 100;
const used = (promptTokens: number, completionTokens: number): ModelReply => ({
  kind: 'answer',
  text: 'Hello.',
  promptTokens,
  completionTokens,
});

/** A tenant of its own, with an agent. */
async function newTenant(model = 'unpriced') {
  const tenantId = tenant();
  const userId = randomUUID();
  const clients = await fleet.as({ tenantId, userId });
  const wish = { name: 'A', slug: 'a', provider, model, systemPrompt: 'You answer.' };
  const agentId = (await clients.agents.createAgent(wish)).id;
  const ask = (by: Clients = clients) => by.executions.executeAgent({ agentId, prompt });
  return { ...clients, tenantId, userId, agentId, ask };
}

const perMonth = { level: BudgetLevel.TENANT, period: BudgetPeriod.MONTH };
const refused = { code: 'budget_exceeded', reason: 'BUDGET_EXCEEDED' };

/** The events of a tenant of this type. */
async function eventsOf(tenantId: string, type: string): Promise<Buffer[]> {
  const rows = await fleet.database.query<{ payload: Buffer }>(
    `select payload from (select tenant_id, seq, type, payload from outbox union all
       select tenant_id, seq, type, payload from outbox_sent) o
     where tenant_id = $1 and type = $2 order by seq`,
    [tenantId, `flotilla.agent.v1.${type}`],
  );
  return rows.map(({ payload }) => payload);
}

test('what does not fit is refused before the provider is asked; a raise lets it through; both are told once', async () => {
  const own = await newTenant();
  const budget = await own.budgets.createBudget({ ...perMonth, limitTokens: BigInt(reserved) });
  expect(budget.warnPercent).toBe(80);
  fleet.model.play([used(90, 10)]);
  await own.ask();
  const hits = fleet.model.requests.length;
  for (let again = 0; again < 3; again += 1) await expect(own.ask()).rejects.toMatchObject(refused);
  expect(fleet.model.requests.length).toBe(hits);
  const [exceeded, ...more] = await eventsOf(own.tenantId, 'BudgetExceeded');
  expect(more).toEqual([]);
  expect(fromBinary(BudgetExceededSchema, exceeded ?? Buffer.of())).toMatchObject({
    budget: { id: budget.id },
    spentTokens: 100n,
  });
  const raised = await own.budgets.updateBudget({ id: budget.id, etag: budget.etag, limitTokens: 1_000n });
  expect(raised).toMatchObject({ limitTokens: 1_000n, etag: '2' });
  expect((await own.ask()).status).toBe(ExecutionStatus.COMPLETED);
  await own.budgets.deleteBudget({ id: budget.id });
  await own.budgets.createBudget({ ...perMonth, limitTokens: 0n });
  await expect(own.ask()).rejects.toMatchObject(refused);
});

test('forty calls on two replicas race for the money of ten: ten are asked, and their settled cost is what is spent', async () => {
  const model = `m-${randomUUID()}`;
  const own = await newTenant(model);
  await own.prices.createPrice({ provider, model, inputUsdMicros: 1_000_000n, outputUsdMicros: 1_000_000n });
  const budget = await own.budgets.createBudget({ ...perMonth, limitUsdMicros: BigInt(reserved * 10 + 9) });
  const replica = await fleet.replica({}, undefined, own);
  const open = Promise.withResolvers<void>();
  let hits = 0;
  fleet.model.play(async () => {
    hits += 1;
    await open.promise;
    return used(40, 2);
  });
  let refusals = 0;
  const calls = Array.from({ length: 40 }, async (_, index) => {
    try {
      return await own.ask(index % 2 === 0 ? own : replica);
    } catch (error) {
      expect(error).toMatchObject(refused);
      refusals += 1;
      return undefined;
    }
  });
  await expect.poll(() => refusals, { timeout: 20_000 }).toBe(30);
  const under = (await own.budgets.listBudgetPeriods({ budgetId: budget.id })).periods;
  expect(under).toMatchObject([{ spentUsd: '0', reservedTokens: BigInt(reserved * 10) }]);
  open.resolve();
  const done = (await Promise.all(calls)).filter((execution) => execution?.status === ExecutionStatus.COMPLETED);
  expect([done.length, hits]).toEqual([10, 10]);
  const after = (await own.budgets.listBudgetPeriods({ budgetId: budget.id })).periods;
  expect(after).toMatchObject([{ spentTokens: 420n, spentUsd: '0.00042', reservedTokens: 0n, reservedUsd: '0' }]);
  expect(await eventsOf(own.tenantId, 'BudgetExceeded')).toHaveLength(1);
});

test('money is not spent at a price that nobody knows', async () => {
  const own = await newTenant();
  await own.budgets.createBudget({ ...perMonth, limitUsdMicros: 1_000_000n });
  const hits = fleet.model.requests.length;
  const error = { code: 'failed_precondition', reason: 'PRICE_UNKNOWN' };
  await expect(own.ask()).rejects.toMatchObject(error);
  await expect(Array.fromAsync(own.executions.streamAgent({ agentId: own.agentId, prompt }))).rejects.toMatchObject(
    error,
  );
  expect(fleet.model.requests.length).toBe(hits);
});

test('one warning when the share is spent, and another after a change', async () => {
  const own = await newTenant();
  const wish = { ...perMonth, level: BudgetLevel.AGENT, agentId: own.agentId, limitTokens: 1_000n, warnPercent: 50 };
  const budget = await own.budgets.createBudget(wish);
  fleet.model.play([used(200, 10)]);
  for (const warnings of [0, 0, 1, 1]) {
    expect((await own.ask()).status).toBe(ExecutionStatus.COMPLETED);
    expect(await eventsOf(own.tenantId, 'BudgetWarning')).toHaveLength(warnings);
  }
  const [warning] = await eventsOf(own.tenantId, 'BudgetWarning');
  const month = `${new Date().toISOString().slice(0, 7)}-01`;
  expect(fromBinary(BudgetWarningSchema, warning ?? Buffer.of())).toMatchObject({
    budget: { id: budget.id, warnPercent: 50 },
    subjectId: own.agentId,
    periodStart: month,
    spentTokens: 630n,
  });
  await own.budgets.updateBudget({ id: budget.id, limitTokens: 1_500n });
  await own.ask();
  expect(await eventsOf(own.tenantId, 'BudgetWarning')).toHaveLength(2);
});

test('each user has a budget of their own; a budget counts what was spent before it was made', async () => {
  const own = await newTenant();
  fleet.model.play([used(90, 10)]);
  await own.ask();
  const each = { level: BudgetLevel.USER, period: BudgetPeriod.DAY, limitTokens: BigInt(reserved + 50) };
  await own.budgets.createBudget(each);
  await expect(own.ask()).rejects.toMatchObject(refused);
  const other = await fleet.as({ tenantId: own.tenantId });
  expect((await own.ask(other)).status).toBe(ExecutionStatus.COMPLETED);
  const service = await fleet.as({ tenantId: own.tenantId, serviceName: 'workflow' });
  expect((await own.ask(service)).status).toBe(ExecutionStatus.COMPLETED);
});

test('a retry that does not fit ends the execution as budget_exceeded, with what was spent', async () => {
  const own = await newTenant();
  const limitTokens = BigInt(reserved + 10);
  await own.budgets.createBudget({ level: BudgetLevel.EXECUTION, period: BudgetPeriod.TOTAL, limitTokens });
  fleet.model.play([modelReplies.broken(), modelReplies.text('Hello.')]);
  expect(await own.ask()).toMatchObject({
    status: ExecutionStatus.BUDGET_EXCEEDED,
    errorReason: 'BUDGET_EXCEEDED',
    attempts: 1,
    totalTokens: reserved,
  });
});

test('what the provider never began costs nothing; what broke off counts as reserved', async () => {
  const own = await newTenant();
  const budget = await own.budgets.createBudget({ ...perMonth, limitTokens: 1_000n });
  const spent = async () =>
    (await own.budgets.listBudgetPeriods({ budgetId: budget.id })).periods.map((one) => [
      Number(one.spentTokens),
      Number(one.reservedTokens),
    ]);
  fleet.model.play([modelReplies.failure(503), modelReplies.rateLimited(0), used(7, 2)]);
  expect((await own.ask()).attempts).toBe(3);
  expect(await spent()).toEqual([[9, 0]]);
  fleet.model.play([modelReplies.broken(), used(7, 2)]);
  const { id, totalTokens } = await own.ask();
  expect(totalTokens).toBe(reserved + 9);
  expect(await spent()).toEqual([[reserved + 18, 0]]);
  const { attempts } = await own.executions.listProviderAttempts({ executionId: id });
  expect(attempts.map(({ usageEstimated }) => usageEstimated)).toEqual([true, false]);
});

test('a provider that does not stop at max tokens is stopped, and what it sent is recorded', async () => {
  const own = await newTenant();
  const budget = await own.budgets.createBudget({ ...perMonth, limitTokens: 10_000n });
  const hangUps = fleet.model.hangUps;
  async function* endless() {
    for (;;) {
      yield 'blah '.repeat(40);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  fleet.model.play([modelReplies.text(endless())]);
  const execution = await own.ask();
  await expect.poll(() => fleet.model.hangUps).toBe(hangUps + 1);
  expect(fleet.model.requests.at(-1)?.max_tokens).toBe(100);
  expect(execution.status).toBe(ExecutionStatus.COMPLETED);
  expect(execution.completionTokens).toBeGreaterThan(100);
  const { periods } = await own.budgets.listBudgetPeriods({ budgetId: budget.id });
  expect(periods).toMatchObject([{ spentTokens: BigInt(execution.totalTokens), reservedTokens: 0n }]);
});

test.each([
  ['below zero', { limitTokens: -1n }, 'INVALID_REQUEST'],
  ['without a limit', { limitTokens: undefined }, 'BUDGET_INVALID'],
  ['of a tenant for a user', { userId: randomUUID() }, 'BUDGET_INVALID'],
  ['of an execution for a day', { level: BudgetLevel.EXECUTION, period: BudgetPeriod.DAY }, 'BUDGET_INVALID'],
  ['of no level', { level: BudgetLevel.UNSPECIFIED }, 'INVALID_REQUEST'],
  ['that warns beyond itself', { warnPercent: 101 }, 'INVALID_REQUEST'],
  ['for an agent that is not there', { level: BudgetLevel.AGENT, agentId: randomUUID() }, 'AGENT_NOT_FOUND'],
])('a budget %s is refused', async (_name, different, reason) => {
  await expect(fleet.budgets.createBudget({ ...perMonth, limitTokens: 1n, ...different })).rejects.toMatchObject({
    reason,
  });
});

test('a second budget for the same is refused; another tenant\u2019s does not exist', async () => {
  const own = await newTenant();
  const { id } = await own.budgets.createBudget({ ...perMonth, limitTokens: 1n });
  const again = own.budgets.createBudget({ ...perMonth, limitTokens: 2n });
  await expect(again).rejects.toMatchObject({ code: 'already_exists', reason: 'BUDGET_EXISTS' });
  const gone = { code: 'not_found', reason: 'BUDGET_NOT_FOUND' };
  await expect(fleet.budgets.getBudget({ id })).rejects.toMatchObject(gone);
  await expect(fleet.budgets.updateBudget({ id, limitTokens: 9n })).rejects.toMatchObject(gone);
  await expect(fleet.budgets.deleteBudget({ id })).rejects.toMatchObject(gone);
  await expect(fleet.budgets.listBudgetPeriods({ budgetId: id })).rejects.toMatchObject(gone);
});
