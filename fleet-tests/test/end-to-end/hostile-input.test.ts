import { randomUUID } from 'node:crypto';
import { modelReplies, type ScriptedModel } from '@flotilla/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { agentOf, tinyDefinition } from './estate.ts';
import { type Account, type CallOptions, type Fleet, openFleet } from './fleet.ts';
import { footprint, unready } from './footprint.ts';

let fleet: Fleet;
let model: ScriptedModel;
let tenant: Account;
let agentId: string;
let before: Awaited<ReturnType<typeof footprint>>;

beforeAll(async () => {
  fleet = await openFleet();
  model = await fleet.playModel([modelReplies.text('Hello.')]);
  tenant = await fleet.newTenant();
  for (let count = 0; count < 3; count += 1) {
    const body = agentOf(`a-${randomUUID()}`);
    agentId = (await fleet.ok('POST', '/v1/agents', { key: tenant.key, body })).id;
    const workflow = { name: 'W', slug: `w-${randomUUID()}`, definition: tinyDefinition };
    await fleet.ok('POST', '/v1/workflows', { key: tenant.key, body: workflow });
  }
});
afterAll(() => model.stop());

beforeEach(async () => {
  before = await footprint(fleet, tenant.tenantId);
});
/** Whatever is refused leaves nothing behind, and nobody is the worse for it. */
const nothingWritten = async () => expect(await footprint(fleet, tenant.tenantId)).toEqual(before);
afterEach(async () => expect(await unready(fleet)).toEqual([]));

const good = () => agentOf(`g-${randomUUID()}`);
const withText = (text: string) => JSON.stringify({ ...good(), description: 'PLACE' }).replace('PLACE', text);
const nested = (depth: number) => `{"outputSchema":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`;

test.each<[string, () => CallOptions['body'], number, string]>([
  ['half a JSON text', () => '{"name": "x"', 400, 'INVALID_JSON'],
  ['no JSON at all', () => 'name=x', 400, 'INVALID_JSON'],
  ['a list instead of an object', () => '[]', 400, 'FIELD_INVALID'],
  ['null', () => 'null', 400, 'FIELD_INVALID'],
  ['a field that is not known', () => ({ ...good(), colour: 'red' }), 400, 'UNKNOWN_FIELD'],
  ['a number for a text', () => ({ ...good(), name: 5 }), 400, 'FIELD_INVALID'],
  ['a text for a list', () => ({ ...good(), tags: 'one' }), 400, 'FIELD_INVALID'],
  ['an object for a text', () => ({ ...good(), model: {} }), 400, 'FIELD_INVALID'],
  ['one name twice', () => withText('x","description":"y'), 400, 'DUPLICATE_NAME'],
  ['an empty object', () => ({}), 400, 'INVALID_REQUEST'],
  ['a text that is too long', () => ({ ...good(), name: 'x'.repeat(256) }), 400, 'INVALID_REQUEST'],
  ['a slug with a space', () => ({ ...good(), slug: 'a b' }), 400, 'INVALID_REQUEST'],
  ['a NUL, escaped', () => withText('a\\u0000b'), 400, 'FIELD_INVALID'],
  ['a NUL byte', () => withText('a\0b'), 400, 'INVALID_JSON'],
  ['a NUL deep inside', () => ({ ...good(), outputSchema: { title: { x: ['\0'] } } }), 400, 'FIELD_INVALID'],
  ['half a surrogate pair', () => withText('\\ud800'), 400, 'FIELD_INVALID'],
  ['bytes that are not UTF-8', () => Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d), 400, 'INVALID_UTF8'],
  ['an overlong encoding', () => Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]), 400, 'INVALID_UTF8'],
  ['a number beyond double', () => '{"parameters":{"temperature":1e400}}', 400, 'FIELD_INVALID'],
  ['a number of a million digits', () => `{"parameters":{"seed":${'9'.repeat(900_000)}}}`, 400, 'FIELD_INVALID'],
  ['a text for a whole number', () => '{"parameters":{"maxTokens":"1e3"}}', 400, 'FIELD_INVALID'],
  ['half a token', () => '{"parameters":{"maxTokens":1.5}}', 400, 'FIELD_INVALID'],
  ['a time-out that is none', () => ({ ...good(), limits: { timeout: 'soon' } }), 400, 'FIELD_INVALID'],
  ['10,000 levels of objects', () => nested(10_000), 400, 'JSON_TOO_DEEP'],
  ['100,000 levels of lists', () => '['.repeat(100_000), 400, 'JSON_TOO_DEEP'],
  ['a name that changes prototypes', () => '{"outputSchema":{"__proto__":{"a":1}}}', 400, 'FIELD_INVALID'],
  ['a body beyond the limit', () => ({ ...good(), systemPrompt: 'x'.repeat(1_048_576) }), 413, 'BODY_TOO_LARGE'],
  ['a provider that nobody has', () => ({ ...good(), provider: 'nobody' }), 400, 'PROVIDER_UNKNOWN'],
])('a body with %s', async (_, body, status, reason) => {
  const answer = await fleet.call('POST', '/v1/agents', { key: tenant.key, body: body() });
  expect(answer.body).toMatchObject({ status, reason });
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  await nothingWritten();
});

test('a body that is too large is told the limit', async () => {
  const answer = await fleet.call('POST', '/v1/agents', { key: tenant.key, body: 'x'.repeat(1_048_577) });
  expect(answer.body).toMatchObject({ status: 413, detail: expect.stringContaining('1048576') });
  const length = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
  const packed = await fleet.call('POST', '/v1/agents', { key: tenant.key, body: Buffer.alloc(64), headers: length });
  expect(packed.status).toBeGreaterThanOrEqual(400);
  expect(packed.status).toBeLessThan(500);
  await nothingWritten();
});

test.each<[string, string, number]>([
  ['an id that is none', '/v1/agents/no-id', 400],
  ['an id with a NUL', '/v1/agents/%00', 400],
  ['an id that is not UTF-8', '/v1/agents/%ff', 400],
  ['a very long id', `/v1/agents/${'9'.repeat(4_000)}`, 400],
  ['a path that climbs', '/v1/agents/..%2f..%2fetc%2fpasswd', 404],
  ['a verb that there is not', `/v1/agents/${randomUUID()}:fly`, 404],
  ['a parameter that is not known', '/v1/agents?colour=red', 400],
  ['a parameter twice', '/v1/agents?slug=a&slug=b', 400],
  ['a page of minus one', '/v1/agents?pageSize=-1', 400],
  ['a page of 201', '/v1/agents?pageSize=201', 400],
  ['a page beyond 32 bits', '/v1/agents?pageSize=99999999999', 400],
  ['a page of no number', '/v1/agents?pageSize=ten', 400],
  ['a status that there is not', '/v1/agents?status=asleep', 400],
  ['SQL in a filter', "/v1/agents?slug=' or 1=1 --", 200],
  ['a cursor of letters', '/v1/agents?pageToken=nonsense', 400],
  ['a cursor of control characters', '/v1/agents?pageToken=%01%02', 400],
  ['a cursor that is too long', `/v1/agents?pageToken=${'A'.repeat(2_000)}`, 400],
  ['a stream after minus one', `/v1/executions/${randomUUID()}:watch?after=-1`, 400],
  ['a trace id that is none', '/v1/audit-events?traceId=XYZ', 400],
])('a URL with %s', async (_, path, status) => {
  const answer = await fleet.call('GET', path, { key: tenant.key });
  expect([answer.status, answer.body.agents ?? []]).toEqual([status, []]);
  await nothingWritten();
});

test('a cursor works where it comes from, untouched, and nowhere else', async () => {
  const { key } = tenant;
  const first = await fleet.ok('GET', '/v1/agents?pageSize=1', { key });
  const token: string = first.nextPageToken;
  const second = await fleet.ok('GET', `/v1/agents?pageSize=1&pageToken=${encodeURIComponent(token)}`, { key });
  expect(second.agents[0].id).not.toBe(first.agents[0].id);
  for (let at = 0; at < token.length; at += 5) {
    const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
    const answer = await fleet.call('GET', `/v1/agents?pageToken=${encodeURIComponent(changed)}`, { key });
    // What decodes to another place of the same list is no harm; what does not is refused.
    if (answer.status !== 200) expect(answer.body).toMatchObject({ status: 400, reason: 'PAGE_TOKEN_INVALID' });
  }
  const stranger = await fleet.newTenant();
  const theirs = await fleet.ok('GET', `/v1/agents?pageToken=${encodeURIComponent(token)}`, { key: stranger.key });
  expect(theirs.agents).toEqual([]);
});

test('a change of a state that is over is 412 and changes nothing; one that cannot be conditional says so', async () => {
  const path = `/v1/agents/${agentId}`;
  const { key } = tenant;
  const { etag } = await fleet.ok('GET', path, { key });
  const change = (name: string, match: string) =>
    fleet.call('PATCH', path, { key, body: { name }, headers: { 'if-match': match } });
  expect((await change('First', `"${etag}"`)).status).toBe(200);
  before = await footprint(fleet, tenant.tenantId);
  expect((await change('Second', `"${etag}"`)).body).toMatchObject({ status: 412, reason: 'REVISION_MISMATCH' });
  for (const [match, reason] of [
    ['3', 'INVALID_IF_MATCH'],
    ['W/"3"', 'INVALID_IF_MATCH'],
    ['"1", "2"', 'INVALID_IF_MATCH'],
    ['"none"', 'ETAG_INVALID'],
    ['"99999999999999999999"', 'ETAG_INVALID'],
  ] as const) {
    expect((await change('Third', match)).body, match).toMatchObject({ reason });
  }
  const gone = await fleet.call('DELETE', path, { key, headers: { 'if-match': `"${etag}"` } });
  expect(gone.status).toBe(412);
  expect((await fleet.ok('GET', path, { key })).name).toBe('First');
  await nothingWritten();
});

test('one key and one body are one agent, however many ask at once; another body is refused', async () => {
  const { key } = tenant;
  const body = good();
  const headers = { 'idempotency-key': `k-${randomUUID()}` };
  const post = (wish: unknown) => fleet.call('POST', '/v1/agents', { key, body: wish, headers });
  const answers = await Promise.all(Array.from({ length: 8 }, () => post(body)));
  const ids = new Set(answers.filter(({ status }) => status === 201).map((answer) => answer.body.id));
  expect(ids.size).toBe(1);
  // Who comes while the first is under way may be told to try again, and nothing else.
  for (const { status, body: told } of answers) {
    if (status !== 201) expect(told).toMatchObject({ status: 409, reason: 'IDEMPOTENCY_KEY_IN_USE' });
  }
  before = await footprint(fleet, tenant.tenantId);
  const again = await post(body);
  expect([again.status, ids.has(again.body.id)]).toEqual([201, true]);
  expect((await post(good())).body).toMatchObject({ status: 400, reason: 'IDEMPOTENCY_KEY_REUSED' });
  const other = await fleet.call('POST', '/v1/workflows', {
    key,
    body: { name: 'W', slug: `w-${randomUUID()}`, definition: tinyDefinition },
    headers,
  });
  // Another service has keys of its own.
  expect(other.status).toBe(201);
  expect((await fleet.ok('GET', `/v1/agents?slug=${body.slug}`, { key })).agents).toHaveLength(1);
  for (const bad of ['', 'x'.repeat(256), 'a\tb', 'ä']) {
    const answer = await fleet.call('POST', '/v1/agents', { key, body: good(), headers: { 'idempotency-key': bad } });
    expect([bad, answer.body.reason]).toEqual([bad, 'INVALID_IDEMPOTENCY_KEY']);
  }
});

test('one key is one execution: the provider is asked once', async () => {
  const headers = { 'idempotency-key': `k-${randomUUID()}` };
  const options = { key: tenant.key, body: { prompt: 'Once only.' }, headers };
  const hits = model.requests.length;
  const first = await fleet.ok('POST', `/v1/agents/${agentId}:execute`, options);
  const second = await fleet.ok('POST', `/v1/agents/${agentId}:execute`, options);
  expect(second).toEqual(first);
  expect(model.requests.length - hits).toBe(1);
  const other = { ...options, body: { prompt: 'Something else.' } };
  expect((await fleet.call('POST', `/v1/agents/${agentId}:execute`, other)).body.reason).toBe('IDEMPOTENCY_KEY_REUSED');
});

test('a model that answers garbage, breaks off or fails ends the execution in a clear state', async () => {
  const cases = [
    [modelReplies.garbage(), 'PROVIDER_ANSWER_INVALID'],
    [modelReplies.failure(400), 'PROVIDER_REFUSED'],
    [modelReplies.failure(500), 'PROVIDER_UNAVAILABLE'],
    [modelReplies.broken(), 'PROVIDER_UNAVAILABLE'],
    [modelReplies.hang(), 'EXECUTION_TIMEOUT'],
  ] as const;
  const body = { ...good(), limits: { timeout: '4s', maxAttempts: 2 } };
  const { id } = await fleet.ok('POST', '/v1/agents', { key: tenant.key, body });
  for (const [reply, errorReason] of cases) {
    model.play([reply]);
    const execution = await fleet.ok('POST', `/v1/agents/${id}:execute`, {
      key: tenant.key,
      body: { prompt: 'Hello?' },
    });
    expect(execution).toMatchObject({ errorReason });
    expect(execution.status).toMatch(/FAILED|TIMEOUT/);
    expect(execution.completeTime).toBeTruthy();
  }
  model.play([modelReplies.text('Hello.')]);
});
