import { ExecutionStatus, MessageRole, ToolCallStatus } from '@flotilla/contracts/agent';
import { eventually, modelReplies, tenant } from '@flotilla/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ToolPort, ToolRequest, ToolResult } from '../src/tools/tool-port.ts';
import { type LlmAgent, startLlmAgent } from './harness.ts';

/** A port in this process: what was asked of it, and what it does. */
const asked: ToolRequest[] = [];
let perform: (request: ToolRequest, signal: AbortSignal) => Promise<ToolResult>;
const tools: ToolPort = {
  declare: async (_scope, names) => {
    if (names.includes('broken')) throw new Error('The port is down.');
    return names
      .filter((name) => name !== 'nowhere')
      .map((name) => ({ name, description: `Does ${name}.`, parameters: { type: 'object', required: ['a'] } }));
  },
  call: (request, signal) => {
    asked.push(request);
    return perform(request, signal);
  },
};

let fleet: LlmAgent;
beforeAll(async () => {
  fleet = await startLlmAgent({}, tools);
});
afterAll(() => fleet?.stop());
beforeEach(() => {
  asked.length = 0;
  perform = async ({ name, arguments: given }) => ({ ok: true, content: `${name}(${JSON.stringify(given)})` });
});

const { text, failure, hang } = modelReplies;
const wants = (...calls: readonly (readonly [id: string, name: string, given: string])[]) => ({
  ...text('Let me see.'),
  kind: 'answer' as const,
  text: 'Let me see.',
  toolCalls: calls.map(([id, name, given]) => ({ id, name, arguments: given })),
});
const execute = async (agent: Parameters<LlmAgent['createAgent']>[0] = {}, from = fleet) =>
  from.executions.executeAgent({
    agentId: await from.createAgent({ tools: ['add', 'multiply'], ...agent }),
    prompt: 'x',
  });
const journal = async (executionId: string, from = fleet) =>
  (await from.toolCalls.listToolCalls({ executionId })).toolCalls;

test('what the model wants called is called, told and kept, until it has its answer', async () => {
  fleet.model.play([
    wants(['c1', 'add', '{"a":1}'], ['c2', 'multiply', '{"a":2}']),
    failure(503),
    wants(['c3', 'add', '{"a":3}']),
    text('Done.'),
  ]);
  const execution = await execute();
  expect(execution).toMatchObject({ status: ExecutionStatus.COMPLETED, response: 'Done.', attempts: 4 });
  expect(await fleet.ledger(execution.id)).toEqual(['2', '3 PROVIDER_UNAVAILABLE', '2', '2']);
  const last = fleet.model.requests.at(-1);
  expect(last?.tools?.map((tool) => tool.function)).toMatchObject([
    { name: 'add', description: 'Does add.', parameters: { type: 'object', required: ['a'] } },
    { name: 'multiply' },
  ]);
  expect(
    last?.messages
      .slice(2)
      .map((message) => [message.role, message.tool_call_id ?? message.tool_calls?.map(({ id }) => id)]),
  ).toEqual([
    ['assistant', ['c1', 'c2']],
    ['tool', 'c1'],
    ['tool', 'c2'],
    ['assistant', ['c3']],
    ['tool', 'c3'],
  ]);
  expect(await journal(execution.id)).toMatchObject([
    { iteration: 1, place: 1, attempt: 1, callId: 'c1', name: 'add', arguments: '{"a":1}', result: 'add({"a":1})' },
    { iteration: 1, place: 2, attempt: 1, callId: 'c2', status: ToolCallStatus.SUCCEEDED },
    { iteration: 2, place: 1, attempt: 3, callId: 'c3', status: ToolCallStatus.SUCCEEDED },
  ]);
  expect(asked.map(({ key }) => key)).toEqual(['1/1', '1/2', '2/1'].map((at) => `${execution.id}/tools/${at}`));
});

test('a tool that fails, is not there, or cannot read what it is told, is told to the model', async () => {
  perform = async ({ name }) => {
    if (name === 'multiply') throw new Error('canary-of-the-port');
    return { ok: false, reason: 'TOOL_REFUSED', content: 'Not for you.' };
  };
  fleet.model.play([
    wants(['a', 'add', '{}'], ['b', 'multiply', '{}'], ['c', 'nowhere', '{}'], ['d', 'add', '[1'], ['e', 'other', '']),
    text('Then not.'),
  ]);
  const execution = await execute({ tools: ['add', 'multiply', 'nowhere'] });
  expect(execution).toMatchObject({ status: ExecutionStatus.COMPLETED, response: 'Then not.' });
  const calls = await journal(execution.id);
  expect(calls.map(({ errorReason }) => errorReason)).toEqual([
    'TOOL_REFUSED',
    'TOOL_FAILED',
    'TOOL_UNKNOWN',
    'TOOL_ARGUMENTS_INVALID',
    'TOOL_UNKNOWN',
  ]);
  expect(JSON.stringify(fleet.model.requests.at(-1)?.messages)).toContain('TOOL_REFUSED: Not for you.');
  expect(JSON.stringify(fleet.model.requests.at(-1)?.messages)).not.toContain('canary');
});

test('where the port cannot say what the tools are, nobody is asked', async () => {
  const hits = fleet.model.requests.length;
  const execution = await execute({ tools: ['broken'] });
  expect(execution).toMatchObject({ status: ExecutionStatus.FAILED, errorReason: 'TOOLS_UNAVAILABLE', totalTokens: 0 });
  expect([fleet.model.requests.length, await fleet.ledger(execution.id)]).toEqual([hits, ['3 TOOLS_UNAVAILABLE']]);
});

test('rounds have a limit, and so have calls at once', async () => {
  fleet.model.play([wants(['again', 'add', '{}'])]);
  const endless = await execute({ limits: { maxIterations: 3 } });
  expect(endless).toMatchObject({
    status: ExecutionStatus.FAILED,
    errorReason: 'TOOL_ITERATIONS_EXCEEDED',
    attempts: 4,
  });
  expect(asked).toHaveLength(3);
  fleet.model.play([wants(...Array.from({ length: 17 }, (_, index) => [`c${index}`, 'add', '{}'] as const))]);
  expect(await execute()).toMatchObject({ status: ExecutionStatus.FAILED, errorReason: 'TOOL_CALLS_TOO_MANY' });
  expect(asked).toHaveLength(3);
});

test('a result is told up to its bound, and what Postgres cannot store is replaced', async () => {
  perform = async () => ({ ok: true, content: `a\u0000${'x'.repeat(100_000)}` });
  fleet.model.play([wants(['c', 'add', '{}']), text('Long.')]);
  const execution = await execute();
  expect(execution.status).toBe(ExecutionStatus.COMPLETED);
  expect(fleet.model.requests.at(-1)?.messages.at(-1)?.content).toHaveLength(65_536);
});

test('cancelling ends a call that is under way, which is in the journal', async () => {
  let ended = false;
  perform = (_request, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        ended = true;
        reject(new Error('aborted'));
      });
    });
  fleet.model.play([wants(['c', 'add', '{}']), hang()]);
  const running = execute();
  await eventually(() => asked.length === 1);
  await fleet.executions.cancelExecution({ id: asked[0]?.executionId ?? '' });
  const execution = await running;
  expect(execution).toMatchObject({ status: ExecutionStatus.CANCELLED, errorReason: 'CANCELLED' });
  expect(ended).toBe(true);
  expect(await journal(execution.id)).toMatchObject([
    { status: ToolCallStatus.FAILED, errorReason: 'TOOL_INTERRUPTED' },
  ]);
});

test('a call whose process died is unknown: whether the tool did it is not known', async () => {
  const gate = Promise.withResolvers<ToolResult>();
  perform = () => gate.promise;
  fleet.model.play([wants(['c', 'add', '{}']), text('Late.')]);
  const running = execute();
  await eventually(() => asked.length === 1);
  const id = asked[0]?.executionId ?? '';
  // As if another process had run it and died: nobody renews.
  await fleet.database.query(`update executions set lease_owner = 'gone', lease_expires_at = now() where id = $1`, [
    id,
  ]);
  expect(await running).toMatchObject({ status: ExecutionStatus.FAILED, errorReason: 'EXECUTION_LOST' });
  gate.resolve({ ok: true, content: 'Late.' });
  expect(await journal(id)).toMatchObject([{ status: ToolCallStatus.UNKNOWN, errorReason: 'EXECUTION_LOST' }]);
});

test('without a port a call is answered precisely, and goes on', async () => {
  const bare = await startLlmAgent();
  try {
    bare.model.play([wants(['c', 'add', '{}']), text('Without, then.')]);
    const execution = await execute({}, bare);
    expect(execution).toMatchObject({ status: ExecutionStatus.COMPLETED, response: 'Without, then.' });
    expect(await journal(execution.id, bare)).toMatchObject([
      { name: 'add', status: ToolCallStatus.FAILED, errorReason: 'TOOL_UNAVAILABLE' },
    ]);
    expect(bare.model.requests.at(-1)?.messages.at(-1)?.content).toMatch(/^TOOL_UNAVAILABLE: The tool "add" is not/);
  } finally {
    await bare.stop();
  }
});

test('a conversation keeps calls and results, and tells them in the next turn', async () => {
  const agentId = await fleet.createAgent({ tools: ['add'] });
  const { id: conversationId } = await fleet.conversations.createConversation({ agentId });
  fleet.model.play([wants(['c', 'add', '{"a":1}']), text('One.')]);
  const { messages } = await fleet.conversations.sendMessage({ conversationId, content: 'x' });
  expect(messages).toMatchObject([
    { seq: 1, role: MessageRole.USER },
    { seq: 2, role: MessageRole.ASSISTANT, content: 'Let me see.', toolCalls: [{ id: 'c', name: 'add' }] },
    { seq: 3, role: MessageRole.TOOL, toolCallId: 'c', content: 'add({"a":1})' },
    { seq: 4, role: MessageRole.ASSISTANT, content: 'One.' },
  ]);
  fleet.model.play([text('Two.')]);
  await fleet.conversations.sendMessage({ conversationId, content: 'y' });
  expect(
    fleet.model.requests
      .at(-1)
      ?.messages.slice(1)
      .map(({ role }) => role),
  ).toEqual(['user', 'assistant', 'tool', 'assistant', 'user']);
});

test('a replay of recorded answers calls no tool, and comes to the same', async () => {
  fleet.model.play([wants(['c', 'add', '{"a":1}']), wants(['d', 'gone', '{}']), text('One.')]);
  const original = await execute();
  asked.length = 0;
  const hits = fleet.model.requests.length;
  const { replay, comparison } = await fleet.replays.replayExecution({ executionId: original.id, recorded: true });
  expect([asked.length, fleet.model.requests.length]).toEqual([0, hits]);
  expect(replay).toMatchObject({ response: 'One.', attempts: 3 });
  expect(comparison).toMatchObject({ sameStatus: true, sameAnswer: true });
  const results = (calls: Awaited<ReturnType<typeof journal>>) =>
    calls.map(({ name, result, errorReason }) => [name, result, errorReason]);
  expect(results(await journal(replay?.id ?? ''))).toEqual(results(await journal(original.id)));
});

test("another tenant's calls do not exist", async () => {
  fleet.model.play([text('Done.')]);
  const { id } = await execute();
  const stranger = await fleet.as({ tenantId: tenant() });
  await expect(stranger.toolCalls.listToolCalls({ executionId: id })).rejects.toMatchObject({
    code: 'not_found',
    reason: 'EXECUTION_NOT_FOUND',
  });
});
