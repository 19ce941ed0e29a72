import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Execution, ExecutionStatus, ProviderKind } from '@flotilla/contracts/agent';
import { type ModelReply, modelReplies, type ScriptedModel, startScriptedModel } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AgentDifferences, endOf, type LlmAgent, startLlmAgent } from './harness.ts';

let fleet: LlmAgent;
/** A provider in order, after the operator's in a chain. */
let second: ScriptedModel;
let fallbacks: { provider: string; model: string }[];

beforeAll(async () => {
  second = await startScriptedModel({ script: [modelReplies.text('From the second.')] });
  fleet = await startLlmAgent({
    LLM_AGENT_ALLOWED_HOSTS: new URL(second.url).host,
  });
  const { slug } = await fleet.providers.createProvider({
    name: 'Second',
    slug: `second-${randomUUID().slice(0, 8)}`,
    kind: ProviderKind.OPENAI_COMPATIBLE,
    baseUrl: second.url,
    secret: 'sk-second',
    timeout: { seconds: 30n, nanos: 0 },
    idleTimeout: { seconds: 20n, nanos: 0 },
  });
  fallbacks = [{ provider: slug, model: 'm2' }];
});
afterAll(async () => {
  await fleet?.stop();
  await second?.stop();
});

async function* forEver() {
  for (;;) {
    yield 'and ';
    await delay(20);
  }
}

/** As if the rest came in half an hour. */
async function* muchLater() {
  yield 'And then';
  await new Promise(() => undefined);
}

/** What the provider does (each time anew: what streams is read once), what that is, and who has little patience for it. */
interface Script {
  readonly name: string;
  readonly reply: () => ModelReply;
  readonly reason: string;
  /** Whether another provider is asked without further ado. */
  readonly passing: boolean;
  readonly env?: Record<string, string>;
}

const briefly = { LLM_AGENT_OPENAI_COMPATIBLE_TIMEOUT_MS: '500' };
const briefSilence = { LLM_AGENT_PROVIDER_IDLE_TIMEOUT_MS: '300' };
const late = { reason: 'PROVIDER_TIMEOUT', passing: true };

const scripts: readonly Script[] = [
  { name: 'streams for ever', reply: () => modelReplies.text(forEver()), ...late, env: briefly },
  { name: 'answers in 30 minutes', reply: modelReplies.hang, ...late, env: briefly },
  { name: 'says nothing for 30 minutes', reply: modelReplies.hang, ...late, env: briefSilence },
  { name: 'pauses for 30 minutes', reply: () => modelReplies.text(muchLater()), ...late, env: briefSilence },
  { name: 'closes half-way', reply: modelReplies.halfClosed, reason: 'PROVIDER_ANSWER_INCOMPLETE', passing: true },
  { name: 'breaks off half-way', reply: modelReplies.broken, reason: 'PROVIDER_UNAVAILABLE', passing: true },
  { name: 'sends broken JSON', reply: modelReplies.garbage, reason: 'PROVIDER_ANSWER_INVALID', passing: false },
  {
    name: 'answers with 10 MB',
    reply: () => modelReplies.text('x'.repeat(10_000_000)),
    reason: 'OUTPUT_TOO_LARGE',
    passing: false,
  },
];

test.each(scripts)('a provider that $name: a clear end, $reason, or the next provider', async (script) => {
  const { reason, passing } = script;
  const replica = await fleet.replica(script.env);
  const run = async (agent: AgentDifferences): Promise<Execution> => {
    const agentId = await fleet.createAgent(agent);
    fleet.model.play(() => script.reply());
    return replica.executions.executeAgent({ agentId, prompt: 'Hello?' });
  };
  const alone = await run({ limits: { maxAttempts: 1 } });
  expect(alone).toMatchObject({ status: ExecutionStatus.FAILED, errorReason: reason, response: '', attempts: 1 });
  expect(await fleet.ledger(alone.id)).toEqual([`3 ${reason}`]);
  // What is no answer here may be none there: it is for the agent to say that another provider is to be asked.
  const chained = await run({ routing: { fallbacks, hopOnRefusal: !passing } });
  expect(chained).toMatchObject({ status: ExecutionStatus.COMPLETED, response: 'From the second.', attempts: 2 });
  expect(chained.hops).toMatchObject([{ from: { provider: 'openai-compatible' }, to: fallbacks[0], reason }]);
  expect(await fleet.ledger(chained.id)).toEqual([`3 ${reason}`, '2']);
});

test('a stream that is closed half-way is asked for again, and followers are told that what they have is void', async () => {
  const agentId = await fleet.createAgent();
  fleet.model.play([modelReplies.halfClosed('Half an'), modelReplies.text('Whole.')]);
  const updates = await Array.fromAsync(fleet.executions.streamAgent({ agentId, prompt: 'x' }));
  const told = updates.map(({ update }) => update).filter(({ case: kind }) => kind !== 'execution');
  expect(told.slice(-2)).toMatchObject([
    { case: 'restarted', value: { attempt: 2, reason: 'PROVIDER_ANSWER_INCOMPLETE' } },
    { case: 'textDelta', value: 'Whole.' },
  ]);
  expect(endOf(updates)).toMatchObject({ status: ExecutionStatus.COMPLETED, response: 'Whole.', attempts: 2 });
});

test.each(scripts.filter(({ passing }) => passing))(
  'a provider that $name often enough is left alone',
  async (script) => {
    const circuit = { LLM_AGENT_CIRCUIT_FAILURES: '2', LLM_AGENT_CIRCUIT_OPEN_MS: '600000' };
    const replica = await fleet.replica({ ...script.env, ...circuit });
    const agentId = await fleet.createAgent({ limits: { maxAttempts: 1 } });
    fleet.model.play(() => script.reply());
    const before = fleet.model.requests.length;
    const reasons: string[] = [];
    for (let call = 0; call < 3; call += 1) {
      reasons.push((await replica.executions.executeAgent({ agentId, prompt: 'x' })).errorReason);
    }
    expect(reasons).toEqual([script.reason, script.reason, 'PROVIDER_CIRCUIT_OPEN']);
    expect(fleet.model.requests.length - before).toBe(2);
  },
);

test("the agent's own time ends a call before the provider's", async () => {
  const limits = { timeout: { seconds: 0n, nanos: 300_000_000 } };
  const agentId = await fleet.createAgent({ limits, routing: { fallbacks } });
  fleet.model.play([modelReplies.hang()]);
  const execution = await fleet.executions.executeAgent({ agentId, prompt: 'x' });
  expect(execution).toMatchObject({ status: ExecutionStatus.TIMEOUT, errorReason: 'EXECUTION_TIMEOUT', attempts: 1 });
});
