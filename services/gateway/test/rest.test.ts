import { services } from '@flotilla/contracts';
import { AgentService, AgentStatus, ExecutionService } from '@flotilla/contracts/agent';
import { SessionService } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import fastCheck from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { restRoutes } from '../src/transcoding/rest-route.ts';
import { type Edge, id, json, startEdge } from './harness.ts';

let edge: Edge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => edge.close());

const problem = async (response: Response): Promise<Record<string, unknown>> => {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  return (await response.json()) as Record<string, unknown>;
};
const concrete = (template: string): string => template.replace(/\{\w+\}/g, id);

test('every route of the contract reaches its method with a credential and none without', async () => {
  for (const route of restRoutes(services)) {
    const path = concrete(route.template);
    const body = route.hasBody ? json(route.verb, {}) : { method: route.verb };
    const before = edge.calls.length;
    const bare = await fetch(`${edge.url}${path}`, body);
    if (!route.rules.public) {
      expect([path, bare.status]).toEqual([path, 401]);
      expect(edge.calls.length).toBe(before);
      expect(bare.headers.get('www-authenticate')).toContain('Bearer');
    }
    await bare.body?.cancel();
    const known = await edge.fetch(path, body);
    const text = await known.text();
    // Rules of the contract are checked by the service: an empty body gets as far as that, and no further.
    expect([path, [200, 201, 204, 400].includes(known.status)], text).toEqual([path, true]);
    // A number in a path is read by the gateway.
    if (known.status === 400) expect(text).toMatch(/INVALID_REQUEST|FIELD_INVALID/);
  }
});

test('a resource is created, shown with its zero values, its etag and its place', async () => {
  edge.on(AgentService.method.createAgent, (request) => ({ ...agentOf(request), etag: '1' }));
  const body = { name: 'A', slug: 'a', provider: 'local', model: 'm', systemPrompt: 'p', parameters: { seed: '7' } };
  const response = await edge.fetch('/v1/agents', json('POST', body, { 'idempotency-key': 'k 1' }));
  expect(response.status).toBe(201);
  expect(response.headers.get('etag')).toBe('"1"');
  expect(response.headers.get('location')).toBe(`/v1/agents/${id}`);
  expect(await response.json()).toMatchObject({
    id,
    name: 'A',
    status: 'AGENT_STATUS_ACTIVE',
    tags: [],
    description: '',
  });
  const last = edge.calls.at(-1);
  expect(last?.call.idempotency?.key).toBe('k 1');
  expect(last?.call.principal.userId).toBe(id);
});

test('If-Match becomes the etag; a lost race is 412, If-None-Match of the same state 304', async () => {
  edge.on(AgentService.method.updateAgent, (request) => {
    if (request['etag'] !== '2') throw new AppError('aborted', 'REVISION_MISMATCH', 'It was changed meanwhile.');
    return { id, etag: '3' };
  });
  edge.on(AgentService.method.getAgent, () => ({ id, etag: '3' }));
  const stale = await edge.fetch(`/v1/agents/${id}`, json('PATCH', {}, { 'if-match': '"1"' }));
  expect([stale.status, (await problem(stale))['reason']]).toEqual([412, 'REVISION_MISMATCH']);
  const fresh = await edge.fetch(`/v1/agents/${id}`, json('PATCH', {}, { 'if-match': '"2"' }));
  expect([fresh.status, fresh.headers.get('etag')]).toEqual([200, '"3"']);
  const same = await edge.fetch(`/v1/agents/${id}`, { headers: { 'if-none-match': '"3"' } });
  expect([same.status, await same.text()]).toEqual([304, '']);
});

test('what a service refuses arrives with status, reason, violations, delay and trace', async () => {
  edge.on(AgentService.method.listAgents, () => {
    throw new AppError('resource_exhausted', 'SLOW_DOWN', 'Slowly.', { retryAfterMs: 1_500 });
  });
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const busy = await edge.fetch('/v1/agents?pageSize=5', { headers: { traceparent } });
  expect([busy.status, busy.headers.get('retry-after')]).toEqual([429, '2']);
  expect(await problem(busy)).toEqual({
    type: 'urn:flotilla:problem:SLOW_DOWN',
    title: 'Too Many Requests',
    status: 429,
    detail: 'Slowly.',
    reason: 'SLOW_DOWN',
    instance: '/v1/agents',
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  });
  expect(busy.headers.get('x-trace-id')).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
  expect(edge.calls.at(-1)?.call.traceparent.slice(3, 35)).toBe('4bf92f3577b34da6a3ce929d0e0e4736');

  const invalid = await edge.fetch('/v1/agents', json('POST', { name: 'x' }));
  expect(invalid.status).toBe(400);
  expect(await problem(invalid)).toMatchObject({
    violations: expect.arrayContaining([expect.objectContaining({ field: 'slug' })]),
  });

  edge.on(AgentService.method.listAgents, () => {
    throw new Error('the secret is hunter2');
  });
  const broken = await edge.fetch('/v1/agents');
  expect([broken.status, await broken.text()]).toEqual([500, expect.not.stringContaining('hunter2')]);
});

test('what is not JSON of the right shape is refused before any service hears of it', async () => {
  const created = (): number => edge.calls.filter(({ method }) => method === 'CreateAgent').length;
  const before = created();
  const send = async (body: string | Uint8Array<ArrayBuffer>, type = 'application/json'): Promise<unknown[]> => {
    const response = await edge.fetch('/v1/agents', { method: 'POST', body, headers: { 'content-type': type } });
    return [response.status, (await problem(response))['reason']];
  };
  expect(await send('{')).toEqual([400, 'INVALID_JSON']);
  expect(await send(Uint8Array.of(0x22, 0xff, 0x22))).toEqual([400, 'INVALID_UTF8']);
  expect(await send('['.repeat(100_000))).toEqual([400, 'JSON_TOO_DEEP']);
  expect(await send('{"name":"a","name":"b"}')).toEqual([400, 'DUPLICATE_NAME']);
  expect(await send('{"colour":1}')).toEqual([400, 'UNKNOWN_FIELD']);
  expect(await send('{"name":"\\u0000"}')).toEqual([400, 'FIELD_INVALID']);
  expect(await send('{"parameters":{"temperature":1e999}}')).toEqual([400, 'FIELD_INVALID']);
  expect(await send('null')).toEqual([400, 'FIELD_INVALID']);
  expect(await send('name=x', 'application/x-www-form-urlencoded')).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  expect(await send('{}', 'application/json; charset=latin1')).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  const large = await edge.fetch('/v1/agents', json('POST', { name: 'x'.repeat(1024 * 1024) }));
  expect(large.status).toBe(413);
  expect(await problem(large)).toMatchObject({ reason: 'BODY_TOO_LARGE', detail: 'A body has at most 1048576 bytes.' });
  expect(created()).toBe(before);
});

test('unknown paths, verbs, parameters and broken URLs each have their own answer', async () => {
  const reasonOf = async (path: string, init?: RequestInit): Promise<unknown[]> => {
    const response = await edge.fetch(path, init);
    return [response.status, (await problem(response))['reason']];
  };
  expect(await reasonOf('/v1/nothing')).toEqual([404, 'ROUTE_NOT_FOUND']);
  expect(await reasonOf(`/v1/agents/${id}:fly`, { method: 'POST' })).toEqual([404, 'ROUTE_NOT_FOUND']);
  expect(await reasonOf('/v1/agents/..%2f..%2fetc')).toEqual([404, 'ROUTE_NOT_FOUND']);
  expect(await reasonOf('/v1/agents?colour=red')).toEqual([400, 'UNKNOWN_FIELD']);
  expect(await reasonOf('/v1/agents/%ff')).toEqual([400, 'INVALID_URL']);
  expect(await reasonOf(`/v1/agents/${id}%00`)).toEqual([400, 'FIELD_INVALID']);
  const verb = await edge.fetch('/v1/agents', { method: 'PUT' });
  expect([verb.status, verb.headers.get('allow')]).toEqual([405, 'GET, POST']);
  expect(await problem(verb)).toMatchObject({ reason: 'METHOD_NOT_ALLOWED' });
});

test('no request whatsoever is answered by a 5xx or by silence', async () => {
  edge.on(AgentService.method.listAgents, () => ({}));
  const routes = restRoutes(services);
  await fastCheck.assert(
    fastCheck.asyncProperty(
      fastCheck.constantFrom(...routes.filter((route) => !route.streaming)),
      fastCheck.json({ maxDepth: 4 }),
      fastCheck.webQueryParameters(),
      fastCheck.webSegment(),
      async (route, body, query, segment) => {
        const path = route.template.replace(/\{\w+\}/g, encodeURIComponent(segment));
        const init = route.verb === 'GET' ? {} : json(route.verb, body);
        const response = await edge.fetch(`${path}?${query}`, init);
        await response.arrayBuffer();
        expect(response.status).toBeLessThan(500);
      },
    ),
    { numRuns: 150, seed: 7 },
  );
});

test('a read ends when its caller goes away, a write goes on', async () => {
  const ended: string[] = [];
  let release = (): void => undefined;
  edge.on(AgentService.method.getAgent, async (_request, call) => {
    await new Promise((resolve) => call.signal.addEventListener('abort', resolve, { once: true }));
    ended.push('read');
    return {};
  });
  edge.on(ExecutionService.method.cancelExecution, async (_request, call) => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    ended.push(call.signal.aborted ? 'write cancelled' : 'write done');
    return {};
  });
  const gone = new AbortController();
  const seen = edge.calls.length;
  const read = edge.fetch(`/v1/agents/${id}`, { signal: gone.signal }).catch(() => 'gone');
  const write = edge
    .fetch(`/v1/executions/${id}:cancel`, { ...json('POST', {}), signal: gone.signal })
    .catch(() => 'gone');
  await expect.poll(() => edge.calls.length).toBe(seen + 2);
  gone.abort();
  expect(await Promise.all([read, write])).toEqual(['gone', 'gone']);
  await expect.poll(() => ended).toEqual(['read']);
  release();
  await expect.poll(() => ended).toEqual(['read', 'write done']);
});

test('signing in needs no credential', async () => {
  edge.on(SessionService.method.login, () => ({ sessionToken: 'fls_x' }));
  const body = { tenantSlug: 'acme', email: 'a@example.org', password: 'correct horse' };
  const response = await fetch(`${edge.url}/v1/sessions`, json('POST', body));
  expect([response.status, await response.json()]).toEqual([200, expect.objectContaining({ sessionToken: 'fls_x' })]);
});

test('browsers: allowed origins, security headers, documentation', async () => {
  const allowed = await edge.fetch('/v1/agents', { headers: { origin: 'https://console.example' } });
  expect(allowed.headers.get('access-control-allow-origin')).toBe('https://console.example');
  const other = await edge.fetch('/v1/agents', { headers: { origin: 'https://elsewhere.example' } });
  expect(other.headers.get('access-control-allow-origin')).toBeNull();
  expect(other.headers.get('x-content-type-options')).toBe('nosniff');
  expect(other.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(((await (await edge.fetch('/openapi.json')).json()) as { openapi: string }).openapi).toBe('3.1.0');
  const page = await fetch(`${edge.url}/docs/`);
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('swagger-ui')]);
});

function agentOf(request: Record<string, unknown>) {
  const { name, slug, provider, model } = request as Record<string, string>;
  return { id, name, slug, provider, model, status: AgentStatus.ACTIVE };
}
