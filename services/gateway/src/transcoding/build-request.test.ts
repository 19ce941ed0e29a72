import type { DescMethod } from '@bufbuild/protobuf';
import { services } from '@flotilla/contracts';
import { AgentService, AgentStatus, ExecutionService } from '@flotilla/contracts/agent';
import { AuditService } from '@flotilla/contracts/audit';
import { SubscriptionService } from '@flotilla/contracts/notification';
import { AppError } from '@flotilla/errors';
import { expect, test } from 'vitest';
import { buildRequest, type RestInput } from './build-request.ts';
import { restRoutes } from './rest-route.ts';

const id = '0198c1de-0000-7000-8000-000000000001';
const routes = restRoutes(services);

const request = (method: DescMethod, input: Partial<RestInput>): unknown => {
  const route = routes.find((candidate) => candidate.method === method);
  if (route === undefined) throw new Error(`no route for ${method.name}`);
  return buildRequest(route, { path: {}, query: {}, ...input });
};

const problemsOf = (method: DescMethod, input: Partial<RestInput>): readonly (readonly string[])[] => {
  try {
    request(method, input);
    return [];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.violations.length > 0
      ? error.violations.map((violation) => [violation.field, violation.reason])
      : [['', error.reason]];
  }
};

test('path, body and query become one message', () => {
  expect(
    request(AgentService.method.updateAgent, {
      path: { id },
      body: { name: 'n', limits: { timeout: '2.5s' }, output_schema: { type: 'object' }, status: 'archived' },
    }),
  ).toMatchObject({
    id,
    name: 'n',
    limits: { timeout: { seconds: 2n, nanos: 500_000_000 } },
    outputSchema: { type: 'object' },
    status: AgentStatus.ARCHIVED,
  });
  expect(
    request(AgentService.method.listAgents, { query: { pageSize: '10', status: 'active', page_token: 'x' } }),
  ).toMatchObject({ pageSize: 10, status: AgentStatus.ACTIVE, pageToken: 'x' });
  expect(request(AuditService.method.listAuditEvents, { query: { startTime: '2026-01-31T12:00:00Z' } })).toMatchObject({
    startTime: { seconds: 1_769_860_800n },
  });
});

test('an enum is read by its full name, its short name in any case, and its number', () => {
  for (const status of ['AGENT_STATUS_ACTIVE', 'active', 'ACTIVE', 1]) {
    expect(request(AgentService.method.updateAgent, { path: { id }, body: { status } })).toMatchObject({
      status: AgentStatus.ACTIVE,
    });
  }
  expect(problemsOf(AgentService.method.listAgents, { query: { status: 'sleepy' } })).toEqual([
    ['status', 'FIELD_INVALID'],
  ]);
});

test('every problem is reported at once, with its JSON pointer', () => {
  const body = {
    name: 7,
    slug: 'a\0b',
    colour: 'red',
    'a/b~c': 1,
    description: '\ud800',
    tags: ['x', 1],
    parameters: { temperature: '0.5', maxTokens: 1.5, seed: 2 ** 60, size: 1 },
    limits: { timeout: 'soon', maxAttempts: 2 ** 31 },
    outputSchema: { deep: [{ nul: '\0' }] },
  };
  expect(problemsOf(AgentService.method.createAgent, { body })).toEqual([
    ['/name', 'FIELD_INVALID'],
    ['/slug', 'FIELD_INVALID'],
    ['/colour', 'UNKNOWN_FIELD'],
    ['/a~1b~0c', 'UNKNOWN_FIELD'],
    ['/description', 'FIELD_INVALID'],
    ['/tags/1', 'FIELD_INVALID'],
    ['/parameters/temperature', 'FIELD_INVALID'],
    ['/parameters/maxTokens', 'FIELD_INVALID'],
    ['/parameters/seed', 'FIELD_INVALID'],
    ['/parameters/size', 'UNKNOWN_FIELD'],
    ['/limits/timeout', 'FIELD_INVALID'],
    ['/limits/maxAttempts', 'FIELD_INVALID'],
    ['/outputSchema/deep/0/nul', 'FIELD_INVALID'],
  ]);
});

test('whole numbers of 64 bits keep every digit when they come as text', () => {
  expect(
    request(AgentService.method.createAgent, { body: { parameters: { seed: '9223372036854775807' } } }),
  ).toMatchObject({ parameters: { seed: 9223372036854775807n } });
  expect(
    problemsOf(AgentService.method.createAgent, { body: { parameters: { seed: '9223372036854775808' } } }),
  ).toEqual([['/parameters/seed', 'FIELD_INVALID']]);
});

test('numbers beyond double precision are refused wherever they lie', () => {
  const body = {
    outputSchema: { n: JSON.parse('1e999') as number },
    parameters: { temperature: JSON.parse('-1e999') as number },
  };
  expect(problemsOf(AgentService.method.createAgent, { body })).toEqual([
    ['/outputSchema/n', 'FIELD_INVALID'],
    ['/parameters/temperature', 'FIELD_INVALID'],
  ]);
});

test('a name that would reach a prototype is refused and reaches none', () => {
  const body = JSON.parse('{"variables":{"__proto__":"x"},"__proto__":{"polluted":true}}') as never;
  expect(problemsOf(SubscriptionService.method.createSubscription, { body })).toEqual([
    ['/variables/__proto__', 'FIELD_INVALID'],
    ['/__proto__', 'UNKNOWN_FIELD'],
  ]);
  const schema = JSON.parse('{"outputSchema":{"a":{"__proto__":{"polluted":true}}}}') as never;
  expect(problemsOf(AgentService.method.createAgent, { body: schema })).toEqual([
    ['/outputSchema/a/__proto__', 'FIELD_INVALID'],
  ]);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('a body that is no object is refused', () => {
  for (const body of [[], 'text', 1, true, null]) {
    expect(problemsOf(AgentService.method.createAgent, { body })).toEqual([['', 'FIELD_INVALID']]);
  }
});

test('null means absent; a field under both of its names is refused', () => {
  expect(request(AgentService.method.createAgent, { body: { name: null } })).toMatchObject({ name: '' });
  expect(problemsOf(AgentService.method.createAgent, { body: { systemPrompt: 'a', system_prompt: 'b' } })).toEqual([
    ['/system_prompt', 'FIELD_INVALID'],
  ]);
});

test('parameters: unknown, repeated, of a wrong type, or beside a body', () => {
  const list = AgentService.method.listAgents;
  expect(problemsOf(list, { query: { colour: 'red' } })).toEqual([['colour', 'UNKNOWN_FIELD']]);
  expect(problemsOf(list, { query: { slug: ['a', 'b'] } })).toEqual([['slug', 'FIELD_INVALID']]);
  expect(problemsOf(list, { query: { pageSize: '1e3', slug: 'a\0' } })).toEqual([
    ['pageSize', 'FIELD_INVALID'],
    ['slug', 'FIELD_INVALID'],
  ]);
  expect(problemsOf(AgentService.method.createAgent, { query: { name: 'x' }, body: {} })).toEqual([
    ['name', 'UNKNOWN_FIELD'],
  ]);
});

test('the path wins nothing over the body: another id is refused', () => {
  expect(request(AgentService.method.updateAgent, { path: { id }, body: { id } })).toMatchObject({ id });
  expect(problemsOf(AgentService.method.updateAgent, { path: { id }, body: { id: 'other' } })).toEqual([
    ['id', 'FIELD_INVALID'],
  ]);
});

test('If-Match becomes the etag, where the operation knows one', () => {
  const update = AgentService.method.updateAgent;
  expect(request(update, { path: { id }, body: {}, ifMatch: '"7"' })).toMatchObject({ etag: '7' });
  expect(request(update, { path: { id }, body: {}, ifMatch: '*' })).toMatchObject({ etag: '' });
  expect(problemsOf(update, { path: { id }, body: {}, ifMatch: 'W/"7"' })).toEqual([['', 'INVALID_IF_MATCH']]);
  expect(problemsOf(update, { path: { id }, body: { etag: '6' }, ifMatch: '"7"' })).toEqual([['', 'ETAG_AMBIGUOUS']]);
  expect(problemsOf(AgentService.method.createAgent, { body: {}, ifMatch: '"7"' })).toEqual([
    ['', 'IF_MATCH_UNSUPPORTED'],
  ]);
});

test('Last-Event-ID becomes the cursor, where the stream has one', () => {
  const watch = ExecutionService.method.watchExecution;
  expect(request(watch, { path: { id }, lastEventId: '3', query: { after: '1' } })).toMatchObject({ after: 3n });
  expect(problemsOf(watch, { path: { id }, lastEventId: 'x' })).toEqual([['Last-Event-ID', 'FIELD_INVALID']]);
  expect(
    problemsOf(ExecutionService.method.streamAgent, { path: { agent_id: id }, body: {}, lastEventId: '3' }),
  ).toEqual([['', 'RESUME_UNSUPPORTED']]);
});
