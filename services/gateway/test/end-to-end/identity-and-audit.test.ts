import { createHash, randomBytes } from 'node:crypto';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Collector, startCollector } from './collector.ts';
import { type SmallFleet, startSmallFleet } from './fleet.ts';

let fleet: SmallFleet;
let collector: Collector;
beforeAll(async () => {
  collector = await startCollector();
  fleet = await startSmallFleet({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
});
afterAll(async () => {
  await fleet?.stop();
  await collector?.close();
});

test('one trace leads from the edge to the service and on to who consumes its events', async () => {
  const traceId = randomBytes(16).toString('hex');
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
  const body = { email: 'traced@example.org', password: 'a-long-enough-password' };
  expect((await fleet.call('POST', '/v1/users', { key: fleet.adminKey, body, headers })).status).toBe(201);
  const names = [
    'POST /v1/users',
    'flotilla.identity.v1.UserService/CreateUser',
    'consume flotilla.identity.v1.UserCreated',
  ];
  await eventually(async () => {
    const path = names.map((name) => collector.spans.find((span) => span.traceId === traceId && span.name === name));
    const [edge, service, consumer] = path;
    expect(path.map((span) => span?.name)).toEqual(names);
    expect([edge, service, consumer].map((span) => span?.parentSpanId)).toEqual([
      'b7ad6b7169203331',
      edge?.spanId,
      service?.spanId,
    ]);
  });
});

test('a person signs in, works with the session and signs out', async () => {
  const login = { tenantSlug: 'flotilla', email: 'admin@flotilla.example', password: fleet.adminPassword };
  const session = await fleet.call('POST', '/v1/sessions', { body: login });
  expect(session.status).toBe(200);
  const key = session.body.sessionToken;
  expect((await fleet.call('GET', '/v1/users', { key })).status).toBe(200);
  expect((await fleet.call('POST', '/v1/sessions:logout', { body: { sessionToken: key } })).status).toBe(204);
  await eventually(async () => expect((await fleet.call('GET', '/v1/users', { key })).status).toBe(401), {
    timeoutMs: 6_000,
  });
  const wrong = await fleet.call('POST', '/v1/sessions', { body: { ...login, password: 'wrong-password' } });
  expect(wrong.status).toBe(401);
});

test('a revoked key is refused within five seconds', async () => {
  const key = fleet.adminKey;
  const created = await fleet.call('POST', '/v1/api-keys', { key, body: { name: 'k', scopes: ['users:read'] } });
  expect(created.status).toBe(201);
  const own = created.body.key;
  expect((await fleet.call('GET', '/v1/users', { key: own })).status).toBe(200);
  expect(await fleet.call('GET', '/v1/api-keys', { key: own })).toMatchObject({
    status: 403,
    body: { reason: 'PERMISSION_DENIED' },
  });
  const revoked = await fleet.call('POST', `/v1/api-keys/${created.body.apiKey.id}:revoke`, { key });
  expect(revoked.body.status).toBe('API_KEY_STATUS_REVOKED');
  await eventually(async () => expect((await fleet.call('GET', '/v1/users', { key: own })).status).toBe(401), {
    timeoutMs: 5_500,
  });
});

test('a change is conditional, repeatable and another tenant’s business is nobody else’s', async () => {
  const key = fleet.adminKey;
  const body = { email: 'ada@example.org', password: 'a-long-enough-password' };
  const headers = { 'idempotency-key': 'ada-1' };
  const [first, second] = [
    await fleet.call('POST', '/v1/users', { key, body, headers }),
    await fleet.call('POST', '/v1/users', { key, body, headers }),
  ];
  expect([first.status, second.status, second.body.id]).toEqual([201, 201, first.body.id]);
  expect((await fleet.call('POST', '/v1/users', { key, body })).body.reason).toBe('EMAIL_TAKEN');
  const other = { ...body, email: 'eve@example.org' };
  expect((await fleet.call('POST', '/v1/users', { key, body: other, headers })).body.reason).toBe(
    'IDEMPOTENCY_KEY_REUSED',
  );

  const path = first.headers.get('location') ?? '';
  const etag = first.headers.get('etag') ?? '';
  const change = { key, body: { role: 'admin' }, headers: { 'if-match': etag } };
  expect((await fleet.call('PATCH', path, change)).body.role).toBe('USER_ROLE_ADMIN');
  expect((await fleet.call('PATCH', path, change)).status).toBe(412);

  const tenant = await fleet.call('POST', '/v1/tenants', {
    key,
    body: { name: 'Acme', slug: 'acme', adminEmail: 'root@acme.example', adminPassword: 'another-long-password' },
  });
  expect(tenant.status).toBe(201);
  const login = { tenantSlug: 'acme', email: 'root@acme.example', password: 'another-long-password' };
  const { sessionToken } = (await fleet.call('POST', '/v1/sessions', { body: login })).body;
  expect((await fleet.call('GET', path, { key: sessionToken })).status).toBe(404);
});

test('what was done is in the audit log, refused credentials too, and each hash can be recomputed', async () => {
  const key = fleet.adminKey;
  const created = await fleet.call('POST', '/v1/users', {
    key,
    body: { email: 'canary@example.org', password: 'canary-password-123' },
  });
  const traceId = created.headers.get('x-trace-id');
  const found = await eventually(
    async () => {
      const { body } = await fleet.call('GET', `/v1/audit-events?traceId=${traceId}`, { key });
      expect(body.auditEvents.length).toBeGreaterThanOrEqual(2);
      return body.auditEvents as { id: string; action: string; resourceId: string; checksum: string }[];
    },
    { timeoutMs: 20_000, intervalMs: 200 },
  );
  expect(found.map(({ action }) => action)).toEqual(
    expect.arrayContaining(['create', 'flotilla.identity.v1.UserCreated']),
  );
  for (const { id, checksum } of found) {
    const { canonical } = (await fleet.call('GET', `/v1/audit-events/${id}`, { key })).body;
    const bytes = Buffer.from(canonical, 'base64');
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(checksum);
    expect(bytes.toString()).not.toMatch(/canary/);
  }
  const refused = await fleet.call('GET', '/v1/users', { key: 'flk_nobody' });
  expect(refused.status).toBe(401);
  await eventually(
    async () => {
      const { body } = await fleet.call('GET', `/v1/audit-events?traceId=${refused.body.traceId}`, { key });
      expect(body.auditEvents[0]).toMatchObject({
        eventType: 'recorded_action',
        result: 'failure',
        actorType: 'anonymous',
      });
    },
    { timeoutMs: 20_000, intervalMs: 200 },
  );
});
