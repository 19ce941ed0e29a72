import { randomUUID } from 'node:crypto';
import { durationMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { BudgetLevel, BudgetPeriod, ExecutionStatus, LedgerFormat, UsageDimension } from '@flotilla/contracts/agent';
import { type ModelReply, modelReplies, tenant } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LlmAgent, startLlmAgent } from './harness.ts';

let fleet: LlmAgent;
beforeAll(async () => {
  fleet = await startLlmAgent({ LLM_AGENT_MAX_ATTEMPTS: '10' });
});
afterAll(() => fleet?.stop());

const provider = 'openai-compatible';
const used = (promptTokens: number, completionTokens: number, text = 'Hello.'): ModelReply => ({
  kind: 'answer',
  text,
  promptTokens,
  completionTokens,
  cachedTokens: 3,
});

async function newTenant() {
  const tenantId = tenant();
  const own = { tenantId, userId: randomUUID() };
  const clients = await fleet.as(own);
  const createAgent = async (model: string) => {
    const wish = { name: 'A', slug: `a-${randomUUID()}`, provider, model, systemPrompt: 'You answer.' };
    return (await clients.agents.createAgent({ ...wish, parameters: { maxTokens: 100 } })).id;
  };
  return { ...clients, ...own, createAgent };
}

/** All pages of an export, one after the other. */
async function exported(by: Awaited<ReturnType<typeof newTenant>>, format: LedgerFormat) {
  const pages: string[] = [];
  let pageToken = '';
  do {
    const page = await by.usage.exportLedger({ format, pageSize: 4, pageToken });
    pages.push(page.content);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return { text: pages.join(''), pages: pages.length };
}

const sum = (values: readonly (number | bigint)[]) =>
  values.reduce<bigint>((total, value) => total + BigInt(value), 0n);
/** Trillionths of a dollar. */
const amount = (decimal: string) => {
  const [whole = '', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.padEnd(12, '0'));
};

test('the ledger, its sums, both exports, the executions and the budget agree to the last token', async () => {
  const own = await newTenant();
  const model = `m-${randomUUID()},"priced"`;
  await own.prices.createPrice({ provider, model, inputUsdMicros: 333_333n, outputUsdMicros: 1_777_777n });
  const budget = await own.budgets.createBudget({
    level: BudgetLevel.TENANT,
    period: BudgetPeriod.MONTH,
    limitTokens: 1_000_000n,
  });
  const [first, second] = [await own.createAgent(model), await own.createAgent('=unpriced')];
  const colleague = await fleet.as({ tenantId: own.tenantId });
  let hit = 0;
  fleet.model.play(() => {
    hit += 1;
    return (
      [modelReplies.broken(), modelReplies.failure(503), used(100 + hit, 7 * hit), used(11, 1)][hit % 4] ?? used(1, 1)
    );
  });
  const calls = [own, colleague, own].flatMap((by) =>
    [first, second, first].map((agentId) => by.executions.executeAgent({ agentId, prompt: 'x' })),
  );
  const executions = await Promise.all(calls);
  expect(executions.every(({ status }) => status === ExecutionStatus.COMPLETED)).toBe(true);

  const [ledger] = await fleet.database.query<{ lines: number; tokens: string; usd: string }>(
    `select count(*)::int as lines, sum(prompt_tokens + completion_tokens)::text as tokens, sum(cost_usd)::text as usd
     from provider_attempts where tenant_id = $1`,
    [own.tenantId],
  );
  if (ledger === undefined) throw new Error('The ledger is empty.');
  expect(ledger.lines).toBe(hit);
  expect(sum(executions.map(({ totalTokens }) => totalTokens))).toBe(BigInt(ledger.tokens));
  const { periods } = await own.budgets.listBudgetPeriods({ budgetId: budget.id });
  expect(periods).toMatchObject([{ spentTokens: BigInt(ledger.tokens), reservedTokens: 0n }]);
  expect(amount(periods[0]?.spentUsd ?? '')).toBe(amount(ledger.usd));

  const { DAY, AGENT, USER, MODEL } = UsageDimension;
  const sums = async (groupBy: UsageDimension[]) => (await own.usage.listUsage({ groupBy })).usage;
  const agrees = async () => {
    for (const groupBy of [[], [DAY], [AGENT, MODEL], [USER], [DAY, AGENT, USER, MODEL]]) {
      const rows = await sums(groupBy);
      expect(sum(rows.map(({ calls }) => calls))).toBe(BigInt(ledger.lines));
      expect(sum(rows.flatMap((row) => [row.promptTokens, row.completionTokens]))).toBe(BigInt(ledger.tokens));
      expect(sum(rows.map(({ costUsd }) => amount(costUsd)))).toBe(amount(ledger.usd));
    }
  };
  // However far the sums have got; then with several replicas adding up at once; then with nothing left to add.
  await agrees();
  await Promise.all(Array.from({ length: 8 }, () => fleet.database.query('select roll_up_usage(3)')));
  await agrees();
  await fleet.database.query('select roll_up_usage(1000)');
  const [rest] = await fleet.database.query<{ left: number }>(
    'select count(*)::int as left from provider_attempts where tenant_id = $1 and not rolled_up',
    [own.tenantId],
  );
  expect(rest).toEqual({ left: 0 });
  await agrees();
  expect((await sums([USER])).map(({ userId }) => userId).sort()).toEqual(
    [own.userId, colleagueOf(executions, own.userId)].sort(),
  );
  expect((await own.usage.listUsage({ agentId: second })).usage).toMatchObject([{ costUsd: '0' }]);

  const json = await exported(own, LedgerFormat.JSON_LINES);
  const lines = json.text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number | string>);
  expect([lines.length, json.pages]).toEqual([hit, Math.ceil(hit / 4)]);
  expect(sum(lines.flatMap((line) => [Number(line.prompt_tokens), Number(line.completion_tokens)]))).toBe(
    BigInt(ledger.tokens),
  );
  expect(sum(lines.map(({ cost_usd }) => amount(String(cost_usd ?? '0'))))).toBe(amount(ledger.usd));
  const csv = (await exported(own, LedgerFormat.CSV)).text.trimEnd().split('\r\n');
  expect(csv).toHaveLength(hit + 1);
  expect(csv[0]).toMatch(/^id,day,start_time,/);
  expect(csv.filter((line) => line.includes(`"${model.replaceAll('"', '""')}"`)).length).toBeGreaterThan(0);
  expect(csv.filter((line) => line.includes(",'=unpriced,")).length).toBeGreaterThan(0);
  expect((await own.usage.exportLedger({ endTime: timestampFromMs(0) })).lines).toBe(0);
  expect((await fleet.usage.listUsage({ agentId: first })).usage).toMatchObject([{ calls: 0n }]);
});

function colleagueOf(executions: readonly { readonly createdBy: string }[], ownId: string): string {
  return executions.map(({ createdBy }) => createdBy).find((id) => id !== ownId) ?? '';
}

test('statistics of an agent: how many, how well, how long, how much', async () => {
  const own = await newTenant();
  const agentId = await own.createAgent('m');
  fleet.model.play([used(10, 2), modelReplies.failure(400), used(20, 4), used(30, 6)]);
  for (let index = 0; index < 4; index += 1) await own.executions.executeAgent({ agentId, prompt: 'x' });
  await fleet.database.query(
    `update executions e set latency_ms = n * 100 from (select id, row_number() over (order by id) as n from executions
       where agent_id = $1) o where o.id = e.id`,
    [agentId],
  );
  const statistics = await own.usage.getAgentStatistics({ agentId });
  expect(statistics).toMatchObject({ executions: 4n, successRate: 0.75, promptTokens: 60n, completionTokens: 12n });
  expect(statistics.byStatus).toContainEqual(
    expect.objectContaining({ status: ExecutionStatus.FAILED, executions: 1n }),
  );
  expect([statistics.latencyP50, statistics.latencyP95].map((one) => one && durationMs(one))).toEqual([200, 400]);
  const before = { agentId, endTime: timestampFromMs(Date.now() - 3_600_000) };
  expect(await own.usage.getAgentStatistics(before)).toMatchObject({ executions: 0n, successRate: 0 });
  await expect(fleet.usage.getAgentStatistics({ agentId })).rejects.toMatchObject({ reason: 'AGENT_NOT_FOUND' });
  const year = { agentId, startTime: timestampFromMs(Date.now() - 365 * 86_400_000) };
  await expect(own.usage.getAgentStatistics(year)).rejects.toMatchObject({ reason: 'PERIOD_INVALID' });
});

test.each([
  ['a day that is none', { startDate: '2026-02-30' }],
  ['a period that ends before it begins', { startDate: '2026-02-02', endDate: '2026-02-01' }],
])('%s is refused', async (_name, days) => {
  await expect(fleet.usage.listUsage(days)).rejects.toMatchObject({ reason: 'PERIOD_INVALID' });
});
