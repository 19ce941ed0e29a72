import { toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { type ExecutionDifference, ExecutionStatus } from '@flotilla/contracts/agent';
import { eventually, type ModelReply, modelReplies, tenant } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LlmAgent, startLlmAgent } from './harness.ts';

let fleet: LlmAgent;
beforeAll(async () => {
  fleet = await startLlmAgent();
  const price = { provider: 'openai-compatible', model: 'priced' };
  await fleet.prices.createPrice({ ...price, inputUsdMicros: 2_000_000n, outputUsdMicros: 8_000_000n });
});
afterAll(() => fleet?.stop());

const { text, json, failure, garbage, broken } = modelReplies;
const schema = { type: 'object', properties: { severity: { enum: ['low', 'high'] } }, required: ['severity'] };
const differences = (found: readonly ExecutionDifference[] | undefined) =>
  found?.map(({ pointer, before, after }) => [
    pointer,
    ...[before, after].map((value) => value && toJson(ValueSchema, value)),
  ]);

async function execute(
  script: readonly [ModelReply, ...ModelReply[]],
  agent: Parameters<LlmAgent['createAgent']>[0] = {},
) {
  const agentId = await fleet.createAgent({ model: 'priced', ...agent });
  fleet.model.play(script);
  return fleet.executions.executeAgent({ agentId, prompt: 'Hello?' });
}

test.each<[string, [ModelReply, ...ModelReply[]], object]>([
  ['an answer', [text('Hello.')], {}],
  ['an answer after a failure', [failure(503), broken('Half'), text('Hello.')], {}],
  ['an answer that was repaired', [json({ severity: 'grave' }), json({ severity: 'high' })], { outputSchema: schema }],
  ['answers that never fitted', [text('It is low.'), text('Low!')], { outputSchema: schema }],
  ['garbage', [garbage()], {}],
])(
  '%s is replayed from what was recorded: the same outcome, nobody asked, nothing spent',
  async (_name, script, agent) => {
    const original = await execute(script, agent);
    const hits = fleet.model.requests.length;
    const { replay, comparison } = await fleet.replays.replayExecution({ executionId: original.id, recorded: true });
    expect(fleet.model.requests.length).toBe(hits);
    const { status, response, output, errorReason, attempts, contentHash } = original;
    expect(replay?.output).toEqual(output);
    expect(replay).toMatchObject({ status, response, errorReason, attempts, contentHash });
    expect(replay).toMatchObject({ replayOfId: original.id, replayRecorded: true, totalTokens: 0 });
    expect(comparison).toMatchObject({ sameStatus: true, sameAnswer: true, inputs: [], answers: [] });
    expect(comparison?.before).toMatchObject({ totalTokens: original.totalTokens, costUsd: original.costUsd });
    const ledger = await fleet.executions.listProviderAttempts({ executionId: replay?.id ?? '' });
    expect(ledger.attempts.map(({ provider, model }) => [provider, model])).toEqual(
      Array(attempts).fill(['recorded', 'priced']),
    );
    expect(ledger.attempts.every(({ costUsd }) => costUsd === '0' || costUsd === '')).toBe(true);
    expect(await fleet.ledger(replay?.id ?? '')).toEqual(await fleet.ledger(original.id));
  },
);

test('a replay goes from provider to provider as the execution did, whatever the chain is by now', async () => {
  const routing = {
    fallbacks: [
      { provider: 'openai-compatible', model: 'second' },
      { provider: 'openai-compatible', model: 'third' },
    ],
    hopOnRefusal: true,
  };
  const script = [failure(503), failure(400), failure(500), text('From the third.')] as const;
  const original = await execute(script, { routing });
  expect(original).toMatchObject({ response: 'From the third.', attempts: 4, hops: [{}, {}] });
  await fleet.agents.updateAgent({ id: original.agentId, routing: {} });
  const hits = fleet.model.requests.length;
  const { replay, comparison } = await fleet.replays.replayExecution({ executionId: original.id, recorded: true });
  expect(fleet.model.requests.length).toBe(hits);
  expect(replay).toMatchObject({ response: 'From the third.', attempts: 4 });
  expect(replay?.hops).toEqual(original.hops);
  expect(comparison).toMatchObject({ sameStatus: true, sameAnswer: true });
  const lines = async (executionId: string) =>
    (await fleet.executions.listProviderAttempts({ executionId })).attempts.map(({ model, errorReason, because }) => [
      model,
      errorReason,
      because,
    ]);
  expect(await lines(replay?.id ?? '')).toEqual(await lines(original.id));
});

test('recorded answers are held against another version', async () => {
  const original = await execute([json({ severity: 'low' })], { outputSchema: schema });
  const outputSchema = { ...schema, properties: { severity: { const: 'high' } } };
  await fleet.agents.updateAgent({ id: original.agentId, outputSchema });
  const { replay, comparison } = await fleet.replays.replayExecution({
    executionId: original.id,
    recorded: true,
    agentVersion: 2,
  });
  expect(replay).toMatchObject({
    status: ExecutionStatus.FAILED,
    errorReason: 'OUTPUT_INVALID',
    replaySwapped: 'agent_version',
  });
  expect(comparison).toMatchObject({ sameStatus: false, sameAnswer: false });
  expect(differences(comparison?.inputs)).toEqual([
    ['/outputSchema/properties/severity/const', undefined, 'high'],
    ['/outputSchema/properties/severity/enum', ['low', 'high'], undefined],
  ]);
});

test('one input is swapped, the model is asked anew, and what came out is compared', async () => {
  const original = await execute([json({ severity: 'low', note: 'a' })], { outputSchema: schema });
  fleet.model.play([
    { kind: 'answer', text: '{"severity":"high","note":"a"}', promptTokens: 100, completionTokens: 50 },
  ]);
  const executionId = original.id;
  const prompted = await fleet.replays.replayExecution({ executionId, prompt: 'And now?' });
  expect(prompted.replay).toMatchObject({ replaySwapped: 'prompt', replayRecorded: false, costUsd: '0.0006' });
  expect(differences(prompted.comparison?.inputs)).toEqual([['/prompt', 'Hello?', 'And now?']]);
  expect(differences(prompted.comparison?.answers)).toEqual([['/severity', 'low', 'high']]);
  expect(prompted.comparison?.after).toMatchObject({ totalTokens: 150, costUsd: '0.0006' });
  expect(fleet.model.requests.at(-1)?.messages.at(-1)).toEqual({ role: 'user', content: 'And now?' });

  const cooler = await fleet.replays.replayExecution({ executionId, parameters: { temperature: 0.5 } });
  expect(differences(cooler.comparison?.inputs)).toEqual([['/parameters/temperature', undefined, 0.5]]);
  expect(cooler.replay?.contentHash).not.toBe(original.contentHash);
  expect(fleet.model.requests.at(-1)).toMatchObject({ temperature: 0.5, model: 'priced' });

  const other = await fleet.replays.replayExecution({ executionId: cooler.replay?.id ?? '', model: 'other' });
  expect(fleet.model.requests.at(-1)).toMatchObject({ temperature: 0.5, model: 'other' });
  expect(differences(other.comparison?.inputs)).toEqual([['/model', 'priced', 'other']]);
  const two = await fleet.replays.compareExecutions({ executionId, withExecutionId: other.replay?.id ?? '' });
  expect(differences(two.inputs)?.map(([pointer]) => pointer)).toEqual(['/model', '/parameters/temperature']);
  const { executions } = await fleet.executions.listExecutions({ replayOfId: executionId });
  expect(executions.map(({ id }) => id)).toEqual([cooler.replay?.id, prompted.replay?.id]);
  // The same inputs once more are no swap.
  expect((await fleet.replays.replayExecution({ executionId })).comparison).toMatchObject({
    inputs: [],
    sameAnswer: false,
  });
});

test('a turn is replayed with its window, and is no turn; what was removed is not said again', async () => {
  const agentId = await fleet.createAgent();
  const { id: conversationId } = await fleet.conversations.createConversation({ agentId });
  fleet.model.play([text('One.'), text('Two.')]);
  await fleet.conversations.sendMessage({ conversationId, content: 'a' });
  const { execution } = await fleet.conversations.sendMessage({ conversationId, content: 'b' });
  const executionId = execution?.id ?? '';
  fleet.model.play([text('Three.')]);
  const { replay } = await fleet.replays.replayExecution({ executionId });
  expect(
    fleet.model.requests
      .at(-1)
      ?.messages.slice(1)
      .map(({ content }) => content),
  ).toEqual(['a', 'One.', 'b']);
  expect(replay?.response).toBe('Three.');
  expect(await fleet.conversations.getConversation({ id: conversationId })).toMatchObject({ messageCount: 4 });
  await fleet.conversations.deleteConversation({ id: conversationId });
  await expect(fleet.replays.replayExecution({ executionId, recorded: true })).rejects.toMatchObject({
    code: 'failed_precondition',
    reason: 'EXECUTION_PURGED',
  });
});

test('what cannot be replayed is refused with its reason; what was not recorded fails so', async () => {
  const original = await execute([text('Hello.')]);
  const executionId = original.id;
  for (const wish of [
    { prompt: 'a', model: 'b' },
    { recorded: true, prompt: 'a' },
    { recorded: true, model: 'b' },
  ]) {
    await expect(fleet.replays.replayExecution({ executionId, ...wish })).rejects.toMatchObject({
      code: 'invalid_argument',
      reason: 'REPLAY_INVALID',
    });
  }
  await expect(fleet.replays.replayExecution({ executionId, agentVersion: 9 })).rejects.toMatchObject({
    reason: 'AGENT_VERSION_NOT_FOUND',
  });
  const agentId = await fleet.createAgent();
  fleet.model.play([modelReplies.hang()]);
  const running = fleet.executions.executeAgent({ agentId, prompt: 'x' });
  const [unfinished] = await eventually(async () => {
    const { executions } = await fleet.executions.listExecutions({ agentId });
    expect(executions).toHaveLength(1);
    return executions;
  });
  await expect(fleet.replays.replayExecution({ executionId: unfinished?.id ?? '' })).rejects.toMatchObject({
    reason: 'EXECUTION_NOT_FINISHED',
  });
  await fleet.executions.cancelExecution({ id: unfinished?.id ?? '' });
  const late = await running;
  expect(late.status).toBe(ExecutionStatus.CANCELLED);
  const { replay } = await fleet.replays.replayExecution({ executionId: late.id, recorded: true });
  expect(replay).toMatchObject({ status: ExecutionStatus.FAILED, errorReason: 'ANSWER_NOT_RECORDED' });
  const stranger = await fleet.as({ tenantId: tenant() });
  for (const call of [
    () => stranger.replays.replayExecution({ executionId }),
    () => stranger.replays.compareExecutions({ executionId, withExecutionId: executionId }),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: 'not_found', reason: 'EXECUTION_NOT_FOUND' });
  }
});
