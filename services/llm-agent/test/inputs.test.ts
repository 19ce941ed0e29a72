import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  BudgetLevel,
  BudgetPeriod,
  ExecutionStatus,
  type InputPartSchema,
  Modality,
  ProviderKind,
} from '@flotilla/contracts/agent';
import { modelReplies, type ScriptedModel, startScriptedModel, tenant, testRedisUrl } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LlmAgent, startLlmAgent } from './harness.ts';

const maxInputBytes = 100_000;
const png = (size = 500) => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), randomBytes(size)]);
const pdf = () => Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(500)]);
const hashOf = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

let fleet: LlmAgent;
let files: Server;
let filesUrl: string;
/** What is at `/picture`. */
const picture = png();
/** What is at `/huge`: more than one message carries. */
const huge = png(2_500_000);
let asked: string[] = [];
/** A tenant's provider; the operator's is the harness's. */
let other: ScriptedModel;

beforeAll(async () => {
  other = await startScriptedModel({ script: [modelReplies.text('From elsewhere.')] });
  files = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (request.url === '/picture') response.writeHead(200, { 'content-type': 'image/png' }).end(picture);
    else if (request.url === '/large') response.writeHead(200).end(png(maxInputBytes));
    else if (request.url === '/huge') response.writeHead(200).end(huge);
    else if (request.url === '/elsewhere') response.writeHead(302, { location: '/picture' }).end();
    else if (request.url === '/hang') response.writeHead(200).write(picture);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(files.address() as AddressInfo).port}`;
  filesUrl = `http://${host}`;
  fleet = await startLlmAgent({
    LLM_AGENT_ALLOWED_HOSTS: [host, new URL(other.url).host].join(','),
    LLM_AGENT_OPENAI_COMPATIBLE_INPUTS: 'image,pdf',
    LLM_AGENT_MAX_INPUT_BYTES: String(maxInputBytes),
    LLM_AGENT_INPUT_TIMEOUT_MS: '1000',
    FLOTILLA_REDIS_URL: testRedisUrl(),
  });
});
afterAll(async () => {
  await fleet?.stop();
  await other?.stop();
  files?.closeAllConnections();
  files?.close();
});

type Part = MessageInitShape<typeof InputPartSchema>;
const file = (data: Uint8Array, mediaType = 'image/png', fileName = ''): Part => ({
  part: { case: 'file', value: { data, mediaType, fileName } },
});
const at = (url: string, mediaType = 'image/png'): Part => ({ part: { case: 'file', value: { url, mediaType } } });
const words = (text: string): Part => ({ part: { case: 'text', value: text } });

/** What a provider is told of a picture. */
const told = (data: Buffer) => ({
  type: 'image_url',
  image_url: { url: `data:image/png;base64,${data.toString('base64')}` },
});
const lastMessage = (model = fleet.model): unknown => model.requests.at(-1)?.messages.at(-1)?.content;

async function execute(parts: Part[], agent: Parameters<LlmAgent['createAgent']>[0] = {}, on = fleet.executions) {
  const agentId = await fleet.createAgent(agent);
  fleet.model.play([modelReplies.text('I see.')]);
  return on.executeAgent({ agentId, prompt: 'What is this?', parts });
}

const stored = async (...hashes: string[]) => {
  const rows = await fleet.database.query<{ hash: string }>(
    `select encode(sha256, 'hex') as hash from input_files where encode(sha256, 'hex') = any ($1)`,
    [hashes],
  );
  return rows.map(({ hash }) => hash);
};

test('files and texts go along in their order, and are kept once by what is in them', async () => {
  const [a, b] = [png(), pdf()];
  const parts = [file(a), words('And this:'), file(b, 'application/pdf', 'terms.pdf'), file(a)];
  const execution = await execute(parts);
  expect(execution).toMatchObject({ status: ExecutionStatus.COMPLETED, response: 'I see.' });
  expect(lastMessage()).toMatchObject([
    { type: 'text', text: 'What is this?' },
    told(a),
    { type: 'text', text: 'And this:' },
    { type: 'file', file: { filename: 'terms.pdf' } },
    told(a),
  ]);
  const read = await fleet.executions.getExecution({ id: execution.id });
  expect(read.parts.map(({ part }) => part.value)).toMatchObject([
    { mediaType: 'image/png', sha256: hashOf(a), size: BigInt(a.length), data: new Uint8Array(), url: '' },
    'And this:',
    { mediaType: 'application/pdf', sha256: hashOf(b), fileName: 'terms.pdf' },
    { sha256: hashOf(a) },
  ]);
  await execute([file(a)]);
  expect(await stored(hashOf(a), hashOf(b))).toHaveLength(2);
  // Neither in events nor in captured changes.
  const sent = await fleet.database.query(
    `select 1 from (select payload, change from outbox union all select payload, change from outbox_sent) sent
     where position($1::bytea in payload) > 0 or change::text like $2 or change::text like $3`,
    [a.subarray(8, 60), `%${a.toString('base64').slice(20, 60)}%`, `%${hashOf(a)}%`],
  );
  expect(sent).toEqual([]);
});

test('a file at an address is read once, and told by what is in it', async () => {
  asked = [];
  const execution = await execute([at(`${filesUrl}/picture`)]);
  expect(lastMessage()).toMatchObject([{}, told(picture)]);
  expect(asked).toEqual(['/picture']);
  expect(execution.parts[0]?.part.value).toMatchObject({ sha256: hashOf(picture), url: '' });
});

test.each<[string, () => Part[], string, string]>([
  ['is not what it is said to be', () => [file(pdf())], 'INPUT_MEDIA_TYPE_MISMATCH', 'parts[0].file.media_type'],
  ['is of no known kind', () => [file(png(), 'image/tiff')], 'INVALID_REQUEST', ''],
  ['is empty', () => [file(Buffer.alloc(0))], 'INPUT_FILE_INVALID', 'parts[0].file'],
  [
    'is given twice',
    () => [{ part: { case: 'file', value: { data: png(), url: `${filesUrl}/picture`, mediaType: 'image/png' } } }],
    'INPUT_FILE_INVALID',
    'parts[0].file',
  ],
  ['is too large', () => [file(png(maxInputBytes))], 'INPUT_TOO_LARGE', 'parts[0].file.data'],
  ['is too large with another', () => [file(png(60_000)), file(png(60_000))], 'INPUT_TOO_LARGE', 'parts[1].file.data'],
  ['is too large there', () => [at(`${filesUrl}/large`)], 'INPUT_TOO_LARGE', 'parts[0].file.url'],
  ['is not there', () => [at(`${filesUrl}/nowhere`)], 'INPUT_URL_UNAVAILABLE', 'parts[0].file.url'],
  ['is elsewhere', () => [at(`${filesUrl}/elsewhere`)], 'INPUT_URL_UNAVAILABLE', 'parts[0].file.url'],
  ['never comes', () => [at(`${filesUrl}/hang`)], 'INPUT_URL_UNAVAILABLE', 'parts[0].file.url'],
  ['has no host', () => [at('https://nowhere.invalid/a.png')], 'INPUT_URL_UNAVAILABLE', 'parts[0].file.url'],
  ['is not fetched by https', () => [at('http://example.com/a.png')], 'INPUT_URL_INVALID', 'parts[0].file.url'],
  ['is on this machine', () => [at('file:///etc/passwd')], 'INPUT_URL_INVALID', 'parts[0].file.url'],
  ['needs credentials', () => [at('https://a:b@example.com/a.png')], 'INPUT_URL_INVALID', 'parts[0].file.url'],
  ['is inside', () => [at('https://10.0.0.1/a.png')], 'INPUT_URL_PRIVATE', 'parts[0].file.url'],
  ['is at a name for inside', () => [at('https://localhost/a.png')], 'INPUT_URL_PRIVATE', 'parts[0].file.url'],
])('a file that %s is refused: nothing begins', async (_name, parts, reason, field) => {
  const agentId = await fleet.createAgent();
  const hits = fleet.model.requests.length;
  const refused = { code: 'invalid_argument', reason, ...(field === '' ? {} : { violations: [{ field, reason }] }) };
  await expect(fleet.executions.executeAgent({ agentId, prompt: 'x', parts: parts() })).rejects.toMatchObject(refused);
  expect((await fleet.executions.listExecutions({ agentId })).executions).toEqual([]);
  expect(fleet.model.requests.length).toBe(hits);
});

test('a tenant has room for so many bytes, each file counted once', async () => {
  const replica = await fleet.replica({ LLM_AGENT_MAX_STORED_INPUT_BYTES: '60000' }, undefined, {
    tenantId: tenant(),
    userId: randomUUID(),
  });
  const wish = { name: 'A', slug: 'a', provider: 'openai-compatible', model: 'm', systemPrompt: 'x' };
  const { id: agentId } = await replica.agents.createAgent(wish);
  fleet.model.play([modelReplies.text('I see.')]);
  const large = png(40_000);
  const say = (data: Buffer) => replica.executions.executeAgent({ agentId, prompt: 'x', parts: [file(data)] });
  expect((await say(large)).status).toBe(ExecutionStatus.COMPLETED);
  expect((await say(large)).status).toBe(ExecutionStatus.COMPLETED);
  await expect(say(png(40_000))).rejects.toMatchObject({ code: 'resource_exhausted', reason: 'INPUT_STORAGE_FULL' });
});

test('a model that does not take a file is not asked; another one of the chain may', async () => {
  const provider = await fleet.providers.createProvider({
    name: 'Other',
    slug: `other-${randomUUID().slice(0, 8)}`,
    kind: ProviderKind.OPENAI_COMPATIBLE,
    baseUrl: other.url,
    models: [{ name: 'sees', inputs: [Modality.IMAGE] }, { name: 'reads' }],
  });
  other.play([modelReplies.text('From elsewhere.')]);
  const before = other.requests.length;
  const picture = [file(png())];
  const blind = { provider: provider.slug, model: 'reads' };
  const refused = await execute(picture, blind);
  expect(refused).toMatchObject({
    status: ExecutionStatus.FAILED,
    errorReason: 'MODEL_INPUT_UNSUPPORTED',
    totalTokens: 0,
  });
  expect(other.requests.length).toBe(before);
  expect(await execute(picture, { ...blind, model: 'sees' })).toMatchObject({ response: 'From elsewhere.' });
  const listens = await execute([file(Buffer.from('ID3 and so on'), 'audio/mpeg')], { ...blind, model: 'sees' });
  expect(listens.errorReason).toBe('MODEL_INPUT_UNSUPPORTED');
  const fallbacks = [{ provider: provider.slug, model: 'sees' }];
  const chained = await execute(picture, { ...blind, routing: { fallbacks, hopOnRefusal: true } });
  expect(chained).toMatchObject({ response: 'From elsewhere.', hops: [{ reason: 'MODEL_INPUT_UNSUPPORTED' }] });
});

test('what was said with a picture is told with it as long as it is in the window, in a branch too', async () => {
  const agentId = await fleet.createAgent();
  const { id } = await fleet.conversations.createConversation({ agentId });
  const data = png();
  fleet.model.play([modelReplies.text('A ship.')]);
  const say = (conversationId: string, content: string, parts: Part[] = []) =>
    fleet.conversations.sendMessage({ conversationId, content, parts });
  const { messages } = await say(id, 'What is this?', [file(data, 'image/png', 'ship.png')]);
  const kept = { mediaType: 'image/png', fileName: 'ship.png', sha256: hashOf(data) };
  expect(messages[0]?.parts.map(({ part }) => part.value)).toMatchObject([kept]);
  await say(id, 'Are you sure?');
  const tellsPicture = { role: 'user', content: [{ type: 'text', text: 'What is this?' }, told(data)] };
  expect(fleet.model.requests.at(-1)?.messages[1]).toMatchObject(tellsPicture);
  const branch = await fleet.conversations.branchConversation({ conversationId: id, seq: 2 });
  await say(branch.id, 'Really?');
  expect(fleet.model.requests.at(-1)?.messages[1]).toMatchObject(tellsPicture);
  const exported = await fleet.conversations.exportConversation({ conversationId: branch.id });
  expect(exported.messages[0]?.parts[0]?.part.value).toMatchObject(kept);
  // A picture is taken for 2,000 tokens.
  await fleet.conversations.updateConversation({ id, window: { tokenBudget: 1_000 } });
  await say(id, 'And now?');
  expect(JSON.stringify(fleet.model.requests.at(-1)?.messages)).not.toContain('image_url');
});

test('a call that is repeated under its key reads no address again', async () => {
  const agentId = await fleet.createAgent();
  const { id: conversationId } = await fleet.conversations.createConversation({ agentId });
  fleet.model.play([modelReplies.text('I see.')]);
  asked = [];
  const parts = [at(`${filesUrl}/picture`)];
  const execute = (prompt = 'x') =>
    fleet.executions.executeAgent({ agentId, prompt, parts }, { idempotencyKey: `e-${agentId}` });
  const send = () =>
    fleet.conversations.sendMessage({ conversationId, content: 'x', parts }, { idempotencyKey: `s-${agentId}` });
  const [execution, turn] = [await execute(), await send()];
  expect(asked).toHaveLength(2);
  expect([await execute(), await send()]).toEqual([execution, turn]);
  await expect(execute('y')).rejects.toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED' });
  expect(asked).toHaveLength(2);
});

test('a file is read back whole, in pieces, by those who may read the execution that has it', async () => {
  const replica = await fleet.replica({ LLM_AGENT_MAX_INPUT_BYTES: '3000000' });
  const { executions } = replica;
  const [data, others] = [huge, png()];
  const { id: executionId } = await execute([at(`${filesUrl}/huge`)], {}, executions);
  await execute([file(others)]);
  const sha256 = hashOf(data);
  const pieces: Uint8Array[] = [];
  for (let offset = 0; ; ) {
    const {
      data: piece,
      nextOffset,
      ...about
    } = await executions.getInputFile({ executionId, digest: sha256, offset });
    expect(about).toMatchObject({ mediaType: 'image/png', size: data.length });
    pieces.push(piece);
    if (nextOffset === 0) break;
    offset = nextOffset;
  }
  expect(pieces).toHaveLength(3);
  expect(Buffer.concat(pieces).equals(data)).toBe(true);
  await expect(executions.getInputFile({ executionId, digest: sha256, offset: data.length })).rejects.toMatchObject({
    reason: 'OFFSET_INVALID',
  });
  // That of another execution cannot be read by its hash.
  await expect(executions.getInputFile({ executionId, digest: hashOf(others) })).rejects.toMatchObject({
    ...{ code: 'not_found', reason: 'INPUT_FILE_NOT_FOUND' },
  });
  const stranger = await fleet.as({ tenantId: tenant() });
  await expect(stranger.executions.getInputFile({ executionId, digest: sha256 })).rejects.toMatchObject({
    ...{ code: 'not_found', reason: 'EXECUTION_NOT_FOUND' },
  });
  await replica.stop();
});

test('a replay is told the same files; swapping the prompt leaves them', async () => {
  const data = png();
  const { id: executionId } = await execute([file(data)]);
  const recorded = await fleet.replays.replayExecution({ executionId, recorded: true });
  expect(recorded).toMatchObject({ replay: { response: 'I see.' }, comparison: { inputs: [], sameAnswer: true } });
  fleet.model.play([modelReplies.text('A boat.')]);
  const { replay, comparison } = await fleet.replays.replayExecution({ executionId, prompt: 'And this?' });
  expect(lastMessage()).toMatchObject([{ text: 'And this?' }, told(data)]);
  expect(replay?.parts[0]?.part.value).toMatchObject({ sha256: hashOf(data) });
  expect(comparison?.inputs.map(({ pointer }) => pointer)).toEqual(['/prompt']);
  const { id: withExecutionId } = await execute([file(png())]);
  const compared = await fleet.replays.compareExecutions({ executionId, withExecutionId });
  expect(compared.inputs.map(({ pointer }) => pointer)).toEqual(['/parts/0/sha256']);
});

test('a removed conversation takes its files along, except those that somebody else has', async () => {
  const [own, shared] = [png(), png()];
  const agentId = await fleet.createAgent();
  const { id } = await fleet.conversations.createConversation({ agentId });
  fleet.model.play([modelReplies.text('I see.')]);
  const parts = [file(own), file(shared)];
  await fleet.conversations.sendMessage({ conversationId: id, content: 'x', parts });
  await execute([file(shared)]);
  await fleet.conversations.deleteConversation({ id });
  await fleet.database.query(`select purge_conversations(now() + interval '31 days', interval '30 days', 10)`);
  expect(await stored(hashOf(own), hashOf(shared))).toEqual([hashOf(shared)]);
  const rows = await fleet.database.query(`select 1 from executions where conversation_id = $1 and parts <> '[]'`, [
    id,
  ]);
  expect(rows).toEqual([]);
});

test('files of executions go with their month', async () => {
  const data = png();
  await execute([file(data)]);
  const forget = (months: number) =>
    fleet.database.query(`select forget_input_files(now() - $1 * interval '1 month', 1000)`, [months]);
  await forget(1);
  expect(await stored(hashOf(data))).toEqual([hashOf(data)]);
  await forget(-1);
  expect(await stored(hashOf(data))).toEqual([]);
});

test('a budget reserves for files what they are estimated to use', async () => {
  const agentId = await fleet.createAgent({ parameters: { maxTokens: 10 } });
  const { executions, budgets } = fleet;
  fleet.model.play([modelReplies.text('I see.')]);
  await budgets.createBudget({ level: BudgetLevel.AGENT, period: BudgetPeriod.DAY, agentId, limitTokens: 1_500n });
  expect((await executions.executeAgent({ agentId, prompt: 'x' })).status).toBe(ExecutionStatus.COMPLETED);
  const call = executions.executeAgent({ agentId, prompt: 'x', parts: [file(png())] });
  await expect(call).rejects.toMatchObject({ reason: 'BUDGET_EXCEEDED' });
});

test('the same question with another picture is another question', async () => {
  const routing = { cacheTtl: { seconds: 60n, nanos: 0 } };
  const agentId = await fleet.createAgent({ routing });
  fleet.model.play([modelReplies.text('I see.')]);
  const hits = fleet.model.requests.length;
  const first = png();
  for (const data of [first, first, png()]) {
    await fleet.executions.executeAgent({ agentId, prompt: 'x', parts: [file(data)] });
  }
  expect(fleet.model.requests.length - hits).toBe(2);
});
