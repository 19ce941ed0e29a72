import { randomUUID } from 'node:crypto';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { timestampMs, ValueSchema } from '@bufbuild/protobuf/wkt';
import { AgentStatus, ExecutionFinishedSchema, ExecutionStatus } from '@flotilla/contracts/agent';
import { createLogger } from '@flotilla/observability';
import { eventually, type ModelReply, modelReplies, tenant } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LlmAgent, startLlmAgent } from './harness.ts';

let fleet: LlmAgent;
beforeAll(async () => {
  fleet = await startLlmAgent();
});
afterAll(() => fleet?.stop());

const schema = {
  type: 'object',
  properties: { severity: { enum: ['low', 'high'] } },
  required: ['severity'],
  additionalProperties: false,
};

/** Runs an agent once by this script and counts what the provider saw. */
async function execute(
  script: readonly [ModelReply, ...ModelReply[]],
  agent: Parameters<LlmAgent['createAgent']>[0] = {},
) {
  const agentId = await fleet.createAgent(agent);
  const before = fleet.model.requests.length;
  fleet.model.play(script);
  const execution = await fleet.executions.executeAgent({ agentId, prompt: 'Hello?' });
  const hits = fleet.model.requests.length - before;
  return { execution, hits, ledger: await fleet.ledger(execution.id) };
}

test('an answer comes with its tokens, its cost and its place in the ledger', async () => {
  const reply = { kind: 'answer', text: 'Hello.', promptTokens: 1_000, completionTokens: 500 } as const;
  const price = { provider: 'openai-compatible', model: 'priced' };
  await fleet.prices.createPrice({ ...price, inputUsdMicros: 2_000_000n, outputUsdMicros: 8_000_000n });
  const { execution, hits, ledger } = await execute([reply], { model: 'priced' });
  expect(execution).toMatchObject({
    status: ExecutionStatus.COMPLETED,
    response: 'Hello.',
    promptTokens: 1_000,
    completionTokens: 500,
    totalTokens: 1_500,
    costUsd: '0.006',
    attempts: 1,
    agentVersion: 1,
  });
  expect([hits, ledger]).toEqual([1, ['2']]);
  expect(await fleet.executions.getExecution({ id: execution.id })).toEqual(execution);
  expect(fleet.model.requests.at(-1)?.messages).toEqual([
    { role: 'system', content: 'You answer.' },
    { role: 'user', content: 'Hello?' },
  ]);
});

test('what another replica did to an agent holds for the next execution: changed, switched off and on, removed', async () => {
  const agentId = await fleet.createAgent({ systemPrompt: 'First.' });
  const other = await fleet.replica();
  const told = async () => {
    await fleet.executions.executeAgent({ agentId, prompt: 'Hello?' });
    return fleet.model.requests.at(-1)?.messages?.[0]?.content;
  };
  const update = (change: Parameters<typeof other.agents.updateAgent>[0]) =>
    other.agents.updateAgent({ id: agentId, ...change });
  expect(await told()).toBe('First.');
  await update({ systemPrompt: 'Second.' });
  expect(await told()).toBe('Second.');
  await update({ status: AgentStatus.INACTIVE });
  await expect(told()).rejects.toMatchObject({ reason: 'AGENT_INACTIVE' });
  await update({ status: AgentStatus.ACTIVE });
  expect(await told()).toBe('Second.');
  await other.agents.deleteAgent({ id: agentId });
  await expect(told()).rejects.toMatchObject({ code: 'not_found' });
});

test('a version of the past runs as it was', async () => {
  const agentId = await fleet.createAgent({ systemPrompt: 'First.' });
  await fleet.agents.updateAgent({ id: agentId, systemPrompt: 'Second.' });
  fleet.model.play([modelReplies.text('Hello.')]);
  const old = await fleet.executions.executeAgent({ agentId, prompt: 'x', agentVersion: 1 });
  expect(old.agentVersion).toBe(1);
  expect(fleet.model.requests.at(-1)?.messages[0]?.content).toBe('First.');
  await expect(fleet.executions.executeAgent({ agentId, prompt: 'x', agentVersion: 9 })).rejects.toMatchObject({
    reason: 'AGENT_VERSION_NOT_FOUND',
  });
});

const { text, json, rateLimited, failure, garbage, broken } = modelReplies;

test.each<[string, [ModelReply, ...ModelReply[]], ExecutionStatus, string, string[]]>([
  [
    'a rate limit passes',
    [rateLimited(0), text('Hello.')],
    ExecutionStatus.COMPLETED,
    '',
    ['3 PROVIDER_RATE_LIMITED', '2'],
  ],
  ['a failure passes', [failure(503), text('Hello.')], ExecutionStatus.COMPLETED, '', ['3 PROVIDER_UNAVAILABLE', '2']],
  [
    'a broken connection passes',
    [broken(), text('Hello.')],
    ExecutionStatus.COMPLETED,
    '',
    ['3 PROVIDER_UNAVAILABLE', '2'],
  ],
  [
    'a failure stays',
    [failure(500)],
    ExecutionStatus.FAILED,
    'PROVIDER_UNAVAILABLE',
    ['3 PROVIDER_UNAVAILABLE', '3 PROVIDER_UNAVAILABLE', '3 PROVIDER_UNAVAILABLE'],
  ],
  [
    'the provider wants to be asked after the deadline',
    [rateLimited(3_600)],
    ExecutionStatus.FAILED,
    'PROVIDER_RATE_LIMITED',
    ['3 PROVIDER_RATE_LIMITED'],
  ],
  ['garbage', [garbage()], ExecutionStatus.FAILED, 'PROVIDER_ANSWER_INVALID', ['3 PROVIDER_ANSWER_INVALID']],
  ['a refusal', [failure(400)], ExecutionStatus.FAILED, 'PROVIDER_REFUSED', ['3 PROVIDER_REFUSED']],
  [
    'refused credentials',
    [failure(401)],
    ExecutionStatus.FAILED,
    'PROVIDER_CREDENTIALS_REFUSED',
    ['3 PROVIDER_CREDENTIALS_REFUSED'],
  ],
  ['too much', [text('x'.repeat(4_200_000))], ExecutionStatus.FAILED, 'OUTPUT_TOO_LARGE', ['3 OUTPUT_TOO_LARGE']],
])('%s: a clear end, and provider hits are ledger rows', async (_name, script, status, reason, expected) => {
  const { execution, hits, ledger } = await execute(script);
  expect(execution).toMatchObject({ status, errorReason: reason, attempts: expected.length });
  expect(ledger).toEqual(expected);
  expect(hits).toBe(expected.length);
});

test('a provider is not asked again before it wants to be', async () => {
  const { execution } = await execute([rateLimited(1), text('Hello.')]);
  const { attempts } = await fleet.executions.listProviderAttempts({ executionId: execution.id });
  const [first, second] = attempts;
  if (first?.completeTime === undefined || second?.startTime === undefined) throw new Error('There are two calls.');
  expect(timestampMs(second.startTime) - timestampMs(first.completeTime)).toBeGreaterThanOrEqual(990);
});

test('an answer that fits the schema is a value', async () => {
  const { execution } = await execute([json({ severity: 'low' })], { outputSchema: schema });
  expect(execution.status).toBe(ExecutionStatus.COMPLETED);
  expect(execution.output && toJson(ValueSchema, execution.output)).toEqual({ severity: 'low' });
});

test('an answer that does not fit is asked for once more, with what was wrong', async () => {
  const { execution, hits, ledger } = await execute([json({ severity: 'grave' }), json({ severity: 'high' })], {
    outputSchema: schema,
  });
  expect(execution).toMatchObject({ status: ExecutionStatus.COMPLETED, response: '{"severity":"high"}' });
  expect([hits, ledger]).toEqual([2, ['3 OUTPUT_INVALID', '2']]);
  expect(fleet.model.requests.at(-1)?.messages.slice(2)).toEqual([
    { role: 'assistant', content: '{"severity":"grave"}' },
    { role: 'user', content: expect.stringContaining('/severity') },
  ]);
});

test('twice wrong is a failure that says why', async () => {
  const { execution, hits, ledger } = await execute([text('It is low.')], { outputSchema: schema });
  expect(execution).toMatchObject({ status: ExecutionStatus.FAILED, errorReason: 'OUTPUT_INVALID', response: '' });
  expect(execution.errorMessage).toMatch(/not JSON/);
  expect([hits, ledger]).toEqual([2, ['3 OUTPUT_INVALID', '3 OUTPUT_INVALID']]);
});

test('what Postgres cannot store is no output', async () => {
  const reply = modelReplies.text('{"severity":"low","a":"\\u0000"}');
  const { execution } = await execute([reply], { outputSchema: { type: 'object' } });
  expect(execution).toMatchObject({ status: ExecutionStatus.FAILED, errorReason: 'OUTPUT_INVALID' });
});

test("the agent's time is the time of the whole execution", async () => {
  const { execution, hits, ledger } = await execute([modelReplies.hang()], {
    limits: { timeout: { seconds: 0n, nanos: 300_000_000 } },
  });
  expect(execution).toMatchObject({ status: ExecutionStatus.TIMEOUT, errorReason: 'EXECUTION_TIMEOUT' });
  expect([hits, ledger]).toEqual([1, ['3 EXECUTION_TIMEOUT']]);
});

test('twenty calls with one key are one execution and one hit', async () => {
  const agentId = await fleet.createAgent();
  const before = fleet.model.requests.length;
  fleet.model.play([modelReplies.text('Once.')]);
  const idempotencyKey = randomUUID();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => fleet.executions.executeAgent({ agentId, prompt: 'Hello?' }, { idempotencyKey })),
  );
  expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
  expect(answers.every(({ response }) => response === 'Once.')).toBe(true);
  expect(fleet.model.requests.length - before).toBe(1);
  const again = await fleet.executions.executeAgent({ agentId, prompt: 'Hello?' }, { idempotencyKey });
  expect(again).toEqual(answers[0]);
  expect(fleet.model.requests.length - before).toBe(1);
  await expect(fleet.executions.executeAgent({ agentId, prompt: 'Other?' }, { idempotencyKey })).rejects.toMatchObject({
    reason: 'IDEMPOTENCY_KEY_REUSED',
  });
});

test('with a key the execution outlives an impatient caller, who finds it again on another replica', async () => {
  const agentId = await fleet.createAgent();
  const other = await fleet.replica();
  const asked = Promise.withResolvers<void>();
  const mayAnswer = Promise.withResolvers<void>();
  const before = fleet.model.requests.length;
  fleet.model.play(async () => {
    asked.resolve();
    await mayAnswer.promise;
    return modelReplies.text('Late.');
  });
  const idempotencyKey = randomUUID();
  const impatient = new AbortController();
  const first = fleet.executions.executeAgent({ agentId, prompt: 'x' }, { idempotencyKey, signal: impatient.signal });
  await asked.promise;
  impatient.abort();
  await expect(first).rejects.toMatchObject({ code: 'cancelled' });
  const second = other.executions.executeAgent({ agentId, prompt: 'x' }, { idempotencyKey });
  mayAnswer.resolve();
  expect(await second).toMatchObject({ status: ExecutionStatus.COMPLETED, response: 'Late.' });
  expect(fleet.model.requests.length - before).toBe(1);
});

test('without a key the execution ends with its call, and the socket of the provider is closed', async () => {
  const agentId = await fleet.createAgent();
  const asked = Promise.withResolvers<void>();
  fleet.model.play(() => {
    asked.resolve();
    return modelReplies.hang();
  });
  const hangUps = fleet.model.hangUps;
  const caller = new AbortController();
  const call = fleet.executions.executeAgent({ agentId, prompt: 'x' }, { signal: caller.signal });
  await asked.promise;
  caller.abort();
  await expect(call).rejects.toMatchObject({ code: 'cancelled' });
  await eventually(() => fleet.model.hangUps === hangUps + 1);
  const [execution] = await eventually(async () => {
    const { executions } = await fleet.executions.listExecutions({ agentId });
    expect(executions[0]?.status).toBe(ExecutionStatus.CANCELLED);
    return executions;
  });
  expect(execution).toMatchObject({ errorReason: 'CALLER_GONE' });
});

test.each(['the same', 'another'])('cancelling on %s replica closes the socket of the provider', async (which) => {
  const agentId = await fleet.createAgent();
  const where = which === 'the same' ? fleet : await fleet.replica();
  const asked = Promise.withResolvers<void>();
  fleet.model.play(() => {
    asked.resolve();
    return modelReplies.hang();
  });
  const hangUps = fleet.model.hangUps;
  const call = fleet.executions.executeAgent({ agentId, prompt: 'x' });
  await asked.promise;
  const { executions } = await fleet.executions.listExecutions({ agentId, status: ExecutionStatus.RUNNING });
  const id = executions[0]?.id ?? '';
  expect(await where.executions.cancelExecution({ id })).toMatchObject({ status: ExecutionStatus.CANCELLED });
  expect(await call).toMatchObject({ id, status: ExecutionStatus.CANCELLED, errorReason: 'CANCELLED' });
  await eventually(() => fleet.model.hangUps === hangUps + 1);
  expect(await fleet.ledger(id)).toEqual(['3 CANCELLED']);
  expect(await where.executions.cancelExecution({ id })).toMatchObject({ status: ExecutionStatus.CANCELLED });
});

test('executions are found by agent, status, their time and whoever began them', async () => {
  const { execution } = await execute([modelReplies.text('Hello.')]);
  const { id, agentId, createdBy, createTime } = execution;
  const found = async (filter: Parameters<typeof fleet.executions.listExecutions>[0]) =>
    (await fleet.executions.listExecutions({ agentId, ...filter })).executions.map((one) => one.id);
  const later = createTime && { ...createTime, seconds: createTime.seconds + 1n };
  expect(await found({ createdBy, createdFrom: createTime, createdBefore: later })).toEqual([id]);
  expect(await found({ createdBy: randomUUID() })).toEqual([]);
  expect(await found({ createdFrom: later })).toEqual([]);
  expect(await found({ createdBefore: createTime })).toEqual([]);
  expect(await found({ status: ExecutionStatus.FAILED })).toEqual([]);
});

test("another tenant's execution does not exist", async () => {
  const { execution } = await execute([modelReplies.text('Hello.')]);
  const other = await fleet.as({ tenantId: tenant() });
  const { id } = execution;
  const refusal = { code: 'not_found', reason: 'EXECUTION_NOT_FOUND' };
  await expect(other.executions.getExecution({ id })).rejects.toMatchObject(refusal);
  await expect(other.executions.cancelExecution({ id })).rejects.toMatchObject(refusal);
  await expect(other.executions.listProviderAttempts({ executionId: id })).rejects.toMatchObject(refusal);
  await expect(Array.fromAsync(other.executions.watchExecution({ id }))).rejects.toMatchObject(refusal);
  expect((await other.executions.listExecutions({})).executions).toEqual([]);
});

test('the key of the provider is in no row and in no log; prompts and answers are in no log and no event', async () => {
  const lines: string[] = [];
  const log = createLogger({
    service: 'llm-agent',
    level: 'trace',
    destination: { write: (line: string) => lines.push(line) },
  });
  const replica = await fleet.replica({}, log);
  const agentId = await fleet.createAgent();
  for (const reply of [
    { kind: 'status', status: 400, body: '{"error":{"message":"bad sk-canary-provider-key"}}' } as const,
    garbage('data: canary-answer sk-canary-provider-key\n\n'),
    broken('canary-answer'),
    text('canary-answer'),
  ]) {
    fleet.model.play([reply]);
    await replica.executions.executeAgent({ agentId, prompt: 'canary-prompt' });
  }
  expect(lines.join('')).toContain('an execution ended');
  expect(lines.join('')).not.toContain('canary');
  const tables = await fleet.database.query<{ name: string }>(
    `select format('%I', relname) as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  );
  for (const { name } of tables) {
    const hits = await fleet.database.query(`select 1 from ${name} t where t::text like '%sk-canary%'`);
    expect(hits, name).toEqual([]);
  }
  const events = await fleet.database.query(
    `select 1 from (select payload from outbox union all select payload from outbox_sent) sent
     where position('canary'::bytea in payload) > 0`,
  );
  expect(events).toEqual([]);
});

test('an execution announces its beginning and its end, in this order', async () => {
  const { execution } = await execute([text('Hello.')]);
  const rows = await fleet.database.query<{ type: string; payload: Buffer }>(
    `select type, payload from (select seq, aggregate_id, type, payload from outbox
       union all select seq, aggregate_id, type, payload from outbox_sent) sent
     where aggregate_id = $1 order by seq`,
    [execution.id],
  );
  expect(rows.map(({ type }) => type)).toEqual([
    'flotilla.agent.v1.ExecutionStarted',
    'flotilla.agent.v1.ExecutionFinished',
  ]);
  const finished = fromBinary(ExecutionFinishedSchema, rows[1]?.payload ?? new Uint8Array());
  expect(finished.execution).toMatchObject({ id: execution.id, status: ExecutionStatus.COMPLETED, totalTokens: 9 });
});

test('pages of large executions end early, and none is left out', async () => {
  const other = await fleet.as({ tenantId: tenant() });
  const agent = await other.agents.createAgent({
    name: 'Large',
    slug: 'large',
    provider: 'openai-compatible',
    model: 'm',
    systemPrompt: 'x',
  });
  fleet.model.play([modelReplies.text('x'.repeat(700_000))]);
  for (let index = 0; index < 3; index += 1) {
    await other.executions.executeAgent({ agentId: agent.id, prompt: 'x' });
  }
  const sizes: number[] = [];
  let pageToken = '';
  do {
    const page = await other.executions.listExecutions({ pageToken });
    sizes.push(page.executions.length);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(sizes).toEqual([1, 1, 1]);
});
