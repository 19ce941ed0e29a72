import { randomUUID } from 'node:crypto';
import { ExecutionStatus, ProviderHealthState, ProviderKind, ProviderStatus } from '@flotilla/contracts/agent';
import {
  eventually,
  type ModelReply,
  modelReplies,
  type ScriptedModel,
  startScriptedModel,
  tenant,
  testRedisUrl,
} from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AgentDifferences, type Clients, type LlmAgent, startLlmAgent } from './harness.ts';

let fleet: LlmAgent;
/** The second provider; the first is the harness's. */
let second: ScriptedModel;

beforeAll(async () => {
  second = await startScriptedModel({ script: [modelReplies.text('From the second.')] });
  fleet = await startLlmAgent({
    LLM_AGENT_ALLOWED_HOSTS: new URL(second.url).host,
    LLM_AGENT_CIRCUIT_FAILURES: '1000',
    FLOTILLA_REDIS_URL: testRedisUrl(),
  });
});
afterAll(async () => {
  await fleet?.stop();
  await second?.stop();
});

const { text, failure, rateLimited, garbage, hang, broken } = modelReplies;

async function secondProvider(different: object = {}): Promise<{ id: string; slug: string }> {
  return fleet.providers.createProvider({
    name: 'Second',
    slug: `second-${randomUUID().slice(0, 8)}`,
    kind: ProviderKind.OPENAI_COMPATIBLE,
    baseUrl: second.url,
    secret: 'sk-second',
    ...different,
  });
}

async function run(agent: AgentDifferences, on: Pick<Clients, 'executions'> = fleet, prompt = 'Hello?') {
  const agentId = await fleet.createAgent(agent);
  const execution = await on.executions.executeAgent({ agentId, prompt });
  const { attempts } = await on.executions.listProviderAttempts({ executionId: execution.id });
  const ledger = attempts.map(({ provider, model, errorReason, because }) => [provider, model, errorReason, because]);
  return { agentId, execution, attempts, ledger };
}

test.each<[string, ModelReply]>([
  ['PROVIDER_UNAVAILABLE', failure(503)],
  ['PROVIDER_RATE_LIMITED', rateLimited(3_600)],
  ['PROVIDER_UNAVAILABLE', broken()],
])('%s: the next provider of the chain is asked at once, and the reason stays', async (reason, reply) => {
  const { slug } = await secondProvider();
  fleet.model.play([reply]);
  second.play([text('From the second.')]);
  const hitsBefore = fleet.model.requests.length;
  const { execution, ledger } = await run({ routing: { fallbacks: [{ provider: slug, model: 'm2' }] } });
  expect(execution).toMatchObject({ status: ExecutionStatus.COMPLETED, response: 'From the second.', attempts: 2 });
  expect(ledger).toEqual([
    ['openai-compatible', 'scripted', reason, ''],
    [slug, 'm2', '', reason],
  ]);
  expect(execution.hops).toMatchObject([
    { from: { provider: 'openai-compatible', model: 'scripted' }, to: { provider: slug, model: 'm2' }, reason },
  ]);
  expect(await fleet.executions.getExecution({ id: execution.id })).toEqual(execution);
  expect([fleet.model.requests.length - hitsBefore, second.requests.at(-1)?.model]).toEqual([1, 'm2']);
});

test('a provider that takes too long, and one that is inactive, are left for the next; the last one is retried', async () => {
  const slow = await secondProvider({ timeout: { seconds: 0n, nanos: 100_000_000 } });
  const idle = await secondProvider();
  await fleet.providers.updateProvider({ id: idle.id, status: ProviderStatus.INACTIVE });
  second.play([hang()]);
  fleet.model.play([failure(503), text('At last.')]);
  const fallbacks = [
    { provider: idle.slug, model: 'm' },
    { provider: 'openai-compatible', model: 'm' },
  ];
  const { execution, ledger } = await run({ provider: slow.slug, routing: { fallbacks } });
  expect(ledger.map(([, , errorReason]) => errorReason)).toEqual([
    'PROVIDER_TIMEOUT',
    'PROVIDER_INACTIVE',
    'PROVIDER_UNAVAILABLE',
    '',
  ]);
  expect(execution).toMatchObject({ response: 'At last.', hops: [{}, {}] });
});

test('a refusal and a bad answer end the execution, unless the agent says otherwise', async () => {
  const { slug } = await secondProvider();
  second.play([text('From the second.')]);
  for (const [reply, reason] of [
    [failure(400), 'PROVIDER_REFUSED'],
    [garbage(), 'PROVIDER_ANSWER_INVALID'],
  ] as const) {
    fleet.model.play([reply]);
    const fallbacks = [{ provider: slug, model: 'm' }];
    expect((await run({ routing: { fallbacks } })).execution).toMatchObject({ errorReason: reason, hops: [] });
    const willing = await run({ routing: { fallbacks, hopOnRefusal: true } });
    expect(willing.execution).toMatchObject({ status: ExecutionStatus.COMPLETED, hops: [{ reason }] });
  }
});

test('a chain that names nobody is refused', async () => {
  const routing = { fallbacks: [{ provider: 'nobody', model: 'm' }] };
  await expect(fleet.createAgent({ routing })).rejects.toMatchObject({ reason: 'PROVIDER_UNKNOWN' });
});

test('a circuit opens after failures in a row, spares the provider, and closes when a trying call succeeds', async () => {
  const { id, slug } = await secondProvider();
  const replica = await fleet.replica({ LLM_AGENT_CIRCUIT_FAILURES: '3', LLM_AGENT_CIRCUIT_OPEN_MS: '3000' });
  const agent = { provider: slug, limits: { maxAttempts: 1 } };
  second.play([failure(503)]);
  const reasons = [];
  const before = second.requests.length;
  for (let i = 0; i < 4; i += 1) reasons.push((await run(agent, replica)).execution.errorReason);
  expect(reasons).toEqual([...Array(3).fill('PROVIDER_UNAVAILABLE'), 'PROVIDER_CIRCUIT_OPEN']);
  expect(second.requests.length - before).toBe(3);
  await eventually(async () => {
    const { health } = await fleet.providers.getProvider({ id });
    expect(health).toMatchObject({ state: ProviderHealthState.UNHEALTHY, errorReason: 'PROVIDER_UNAVAILABLE' });
  });
  // Another tenant's circuit, and another provider's, are their own: the chain goes on at once.
  fleet.model.play([text('From the other.')]);
  const chained = await run(
    { ...agent, routing: { fallbacks: [{ provider: 'openai-compatible', model: 'm' }] } },
    replica,
  );
  expect(chained.execution).toMatchObject({ response: 'From the other.', hops: [{ reason: 'PROVIDER_CIRCUIT_OPEN' }] });
  expect(chained.attempts[0]).toMatchObject({ costUsd: '0', errorReason: 'PROVIDER_CIRCUIT_OPEN' });
  second.play([text('Back again.')]);
  await eventually(
    async () => {
      expect((await run(agent, replica)).execution.status).toBe(ExecutionStatus.COMPLETED);
    },
    { timeoutMs: 20_000, intervalMs: 300 },
  );
  await eventually(async () => {
    expect((await fleet.providers.getProvider({ id })).health?.state).toBe(ProviderHealthState.HEALTHY);
  });
});

test('the same question of the same tenant is answered from the cache: no hit, no cost, and marked', async () => {
  const cacheTtl = { seconds: 60n, nanos: 0 };
  const routing = { cacheTtl };
  const prompt = `Hello ${randomUUID()}?`;
  fleet.model.play([text('Once.'), text('Twice.')]);
  const before = fleet.model.requests.length;
  const first = await run({ routing }, fleet, prompt);
  expect(first.execution).toMatchObject({ response: 'Once.', cached: false });
  const again = await run({ routing }, fleet, prompt);
  expect(again.execution).toMatchObject({ response: 'Once.', cached: true, totalTokens: 0, costUsd: '0' });
  expect(again.attempts).toMatchObject([{ cached: true, costUsd: '0', promptTokens: 0 }]);
  expect(fleet.model.requests.length - before).toBe(1);
  // Another question, and another agent that did not ask for it: asked.
  expect((await run({ routing, parameters: { temperature: 1 } }, fleet, prompt)).execution.response).toBe('Twice.');
  expect((await run({}, fleet, prompt)).execution.cached).toBe(false);
});

test("one tenant's kept answer is no other tenant's, word for word the same question", async () => {
  const prompt = `Hello ${randomUUID()}?`;
  fleet.model.play([text('Once.'), text('Twice.')]);
  const answers = [];
  for (let index = 0; index < 2; index += 1) {
    const { agents, executions } = await fleet.as({ tenantId: tenant() });
    const { id: agentId } = await agents.createAgent({
      name: 'A',
      slug: 'a',
      provider: 'openai-compatible',
      model: 'm',
      systemPrompt: 'You answer.',
      routing: { cacheTtl: { seconds: 60n, nanos: 0 } },
    });
    for (const again of [false, true]) {
      const { response, cached } = await executions.executeAgent({ agentId, prompt });
      expect(cached).toBe(again);
      answers.push(response);
    }
  }
  expect(answers).toEqual(['Once.', 'Once.', 'Twice.', 'Twice.']);
});

test('failures, cut-off answers and answers that do not fit are never kept', async () => {
  const routing = { cacheTtl: { seconds: 60n, nanos: 0 } };
  const outputSchema = { type: 'object', required: ['a'] };
  const prompt = randomUUID();
  const agentId = await fleet.createAgent({ routing, outputSchema, limits: { maxAttempts: 1 } });
  const script: ModelReply[] = [
    failure(500),
    text('no JSON'),
    { kind: 'answer', text: '{"a": 1}', finishReason: 'length' },
    modelReplies.json({ a: 2 }),
  ];
  const answers = [];
  for (const reply of script) {
    fleet.model.play([reply]);
    const { status, cached } = await fleet.executions.executeAgent({ agentId, prompt });
    answers.push([status, cached]);
  }
  expect(answers.map(([, cached]) => cached)).toEqual([false, false, false, false]);
  fleet.model.play([failure(500)]);
  expect(await fleet.executions.executeAgent({ agentId, prompt })).toMatchObject({ cached: true, output: {} });
});

test('without Redis every question is asked', async () => {
  const replica = await fleet.replica({ FLOTILLA_REDIS_URL: 'redis://127.0.0.1:1' });
  const agent = { routing: { cacheTtl: { seconds: 60n, nanos: 0 } } };
  fleet.model.play([text('Asked.')]);
  for (let i = 0; i < 2; i += 1) {
    expect((await run(agent, replica, 'Hello?')).execution).toMatchObject({ response: 'Asked.', cached: false });
  }
});
