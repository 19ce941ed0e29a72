import { connect } from 'node:net';
import { AgentService, ExecutionService, ExecutionStatus } from '@flotilla/contracts/agent';
import { AppError } from '@flotilla/errors';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Edge, id, json, startEdge } from './harness.ts';

let edge: Edge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => edge.close());

const { watchExecution, streamAgent } = ExecutionService.method;

/** Five updates, resumable. */
async function* fiveUpdates(after: bigint) {
  for (let cursor = after + 1n; cursor < 5n; cursor += 1n) {
    yield { cursor, update: { case: 'textDelta', value: `word ${cursor}\n` } };
  }
  yield { cursor: 5n, update: { case: 'execution', value: { id, status: ExecutionStatus.COMPLETED } } };
}

const eventsOf = async (response: Response): Promise<Record<string, string>[]> =>
  (await response.text())
    .split('\n\n')
    .filter((block) => block !== '' && !block.startsWith(':') && !block.startsWith('retry'))
    .map((block) => Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string])));

test('updates come with their cursor as id and end with an end', async () => {
  edge.on(watchExecution, (request) => fiveUpdates(request['after'] as bigint));
  const response = await edge.fetch(`/v1/executions/${id}:watch`);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  expect(response.headers.get('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
  const events = await eventsOf(response);
  expect(events.map((event) => event['id'] ?? event['event'])).toEqual(['1', '2', '3', '4', '5', 'end']);
  expect(JSON.parse(events[0]?.['data'] ?? '')).toEqual({ cursor: '1', textDelta: 'word 1\n' });
  expect(JSON.parse(events[4]?.['data'] ?? '')).toMatchObject({ execution: { status: 'EXECUTION_STATUS_COMPLETED' } });
});

test('a stream resumed after event 3 starts at 4', async () => {
  edge.on(watchExecution, (request) => fiveUpdates(request['after'] as bigint));
  const byHeader = await edge.fetch(`/v1/executions/${id}:watch`, { headers: { 'last-event-id': '3' } });
  expect((await eventsOf(byHeader)).map((event) => event['id'])).toEqual(['4', '5', undefined]);
  const byQuery = await edge.fetch(`/v1/executions/${id}:watch?after=3`);
  expect((await eventsOf(byQuery)).map((event) => event['id'])).toEqual(['4', '5', undefined]);
});

test('what is refused at once is a status; what fails later is an error event', async () => {
  edge.on(watchExecution, async function* () {
    yield* [];
    throw new AppError('not_found', 'EXECUTION_NOT_FOUND', 'There is no such execution.');
  });
  const refused = await edge.fetch(`/v1/executions/${id}:watch`);
  expect([refused.status, await refused.json()]).toEqual([
    404,
    expect.objectContaining({ reason: 'EXECUTION_NOT_FOUND' }),
  ]);

  edge.on(watchExecution, async function* () {
    yield { cursor: 1n, update: { case: 'textDelta', value: 'a' } };
    throw new AppError('unavailable', 'SHUTTING_DOWN', 'The service is going down.');
  });
  const events = await eventsOf(await edge.fetch(`/v1/executions/${id}:watch`));
  expect(events.map((event) => event['event'] ?? event['id'])).toEqual(['1', 'error']);
  expect(JSON.parse(events[1]?.['data'] ?? '')).toMatchObject({ reason: 'SHUTTING_DOWN', status: 503 });
});

test('a POST starts a stream; one that cannot resume says so', async () => {
  edge.on(streamAgent, () => fiveUpdates(0n));
  const started = await edge.fetch(`/v1/agents/${id}:stream`, json('POST', { prompt: 'p' }));
  expect(await eventsOf(started)).toHaveLength(6);
  const again = await edge.fetch(`/v1/agents/${id}:stream`, json('POST', { prompt: 'p' }, { 'last-event-id': '2' }));
  expect([again.status, await again.json()]).toEqual([400, expect.objectContaining({ reason: 'RESUME_UNSUPPORTED' })]);
});

test('a quiet stream is kept alive by comments', async () => {
  edge.on(watchExecution, async function* (_request, call) {
    await new Promise((resolve) => call.signal.addEventListener('abort', resolve, { once: true }));
    yield* [];
  });
  const gone = new AbortController();
  const response = await edge.fetch(`/v1/executions/${id}:watch`, { signal: gone.signal });
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString();
    if (text.split(': still here').length > 3) break;
  }
  expect(text).toContain(': still here');
  gone.abort();
});

test('the service hears when the client goes away', async () => {
  let ended = false;
  edge.on(watchExecution, async function* (_request, call) {
    yield { cursor: 1n };
    await new Promise((resolve) => call.signal.addEventListener('abort', resolve, { once: true }));
    ended = true;
  });
  const gone = new AbortController();
  const response = await edge.fetch(`/v1/executions/${id}:watch`, { signal: gone.signal });
  expect(response.status).toBe(200);
  gone.abort();
  await expect.poll(() => ended).toBe(true);
});

test('a client that takes nothing pauses the service, costs no memory and is dropped', async () => {
  let sent = 0;
  let ended = false;
  edge.on(watchExecution, async function* () {
    try {
      for (let cursor = 1n; ; cursor += 1n) {
        yield { cursor, update: { case: 'textDelta', value: 'x'.repeat(16_000) } };
        sent += 1;
      }
    } finally {
      ended = true;
    }
  });
  const before = process.memoryUsage().rss;
  const { port } = new URL(edge.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.pause();
  socket.on('error', () => undefined);
  socket.write(`GET /v1/executions/${id}:watch HTTP/1.1\r\nhost: x\r\nx-api-key: flk_good\r\n\r\n`);
  await expect.poll(() => sent).toBeGreaterThan(0);
  let last = -1;
  const standsStill = (): boolean => {
    const same = last === sent;
    last = sent;
    return same;
  };
  // The pause: nothing more fits between the two ends.
  await expect.poll(standsStill, { interval: 200, timeout: 5_000 }).toBe(true);
  const held = sent * 16_000;
  expect(held).toBeLessThan(64 * 2 ** 20);
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
  await expect.poll(() => ended, { timeout: 10_000 }).toBe(true);
  socket.destroy();
});

test('a stream ends with an error when its credential is revoked', async () => {
  const own = await startEdge({ credentialTtlMs: 300 });
  own.on(watchExecution, async function* (_request, call) {
    yield { cursor: 1n };
    await new Promise((resolve) => call.signal.addEventListener('abort', resolve, { once: true }));
  });
  const response = await own.fetch(`/v1/executions/${id}:watch`);
  own.revoke('flk_good');
  const events = await eventsOf(response);
  expect(events.at(-1)).toMatchObject({ event: 'error', data: expect.stringContaining('CREDENTIAL_INVALID') });
  await own.close();
});

test('going down ends streams with an error that says when to come again', async () => {
  const own = await startEdge();
  own.on(watchExecution, async function* (_request, call) {
    yield { cursor: 1n };
    await new Promise((resolve) => call.signal.addEventListener('abort', resolve, { once: true }));
  });
  own.on(AgentService.method.listAgents, () => ({}));
  const response = await own.fetch(`/v1/executions/${id}:watch`);
  const [events] = await Promise.all([eventsOf(response), own.close()]);
  expect(events.at(-1)).toMatchObject({ event: 'error', data: expect.stringContaining('SHUTTING_DOWN') });
});
