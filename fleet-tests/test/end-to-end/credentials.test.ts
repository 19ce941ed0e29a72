import { randomUUID } from 'node:crypto';
import { eventually } from '@flotilla/testing';
import { beforeAll, expect, test } from 'vitest';
import { type Account, type Fleet, openFleet } from './fleet.ts';
import { unready } from './footprint.ts';

/** What the fleet promises of revocations, with a little margin for a busy machine between two looks. */
const seenWithinMs = 5_000;
const marginMs = 1_500;

let fleet: Fleet;
let tenant: Account;
beforeAll(async () => {
  fleet = await openFleet();
  tenant = await fleet.newTenant();
});

const newKey = async (wish: object = {}): Promise<{ id: string; key: string }> => {
  const body = { name: `k-${randomUUID()}`, ...wish };
  const created = await fleet.ok('POST', '/v1/api-keys', { key: tenant.key, body });
  return { id: created.apiKey.id, key: created.key };
};
const statusOf = async (key: string) => (await fleet.call('GET', '/v1/agents', { key })).status;
const refusedWithin = async (key: string) => {
  const since = performance.now();
  let lastGood = 0;
  await eventually(
    async () => {
      const asked = performance.now();
      const status = await statusOf(key);
      if (status === 200) lastGood = asked - since;
      expect(status).toBe(401);
    },
    { timeoutMs: 20_000, intervalMs: 100 },
  );
  // When the last request that still worked was sent, so that a slow answer is not held against the promise.
  expect(lastGood).toBeLessThan(seenWithinMs + marginMs);
};

test('a revoked key works for at most five seconds more, and never again', async () => {
  const { id, key } = await newKey();
  expect(await statusOf(key)).toBe(200);
  await fleet.ok('POST', `/v1/api-keys/${id}:revoke`, { key: tenant.key, body: {} });
  await refusedWithin(key);
  await expect(fleet.exchange(key)).rejects.toMatchObject({ code: 'unauthenticated', reason: 'API_KEY_REVOKED' });
  const twice = await fleet.ok('POST', `/v1/api-keys/${id}:revoke`, { key: tenant.key, body: {} });
  expect(twice.status).toBe('API_KEY_STATUS_REVOKED');
});

test('a session works from login to logout', async () => {
  const { tenantSlug, email, password } = tenant;
  const login = (secret: string) =>
    fleet.call('POST', '/v1/sessions', { body: { tenantSlug, email, password: secret } });
  const { body } = await login(password);
  expect(await statusOf(body.sessionToken)).toBe(200);
  expect(await login(`${password}!`)).toMatchObject({ status: 401, body: { reason: 'LOGIN_FAILED' } });
  await fleet.ok('POST', '/v1/sessions:logout', { body: { sessionToken: body.sessionToken } });
  await refusedWithin(body.sessionToken);
});

test('a user who is suspended is locked out with all their keys', async () => {
  const email = `ada@${tenant.tenantSlug}.example`;
  const password = `password-${randomUUID()}`;
  const user = await fleet.ok('POST', '/v1/users', { key: tenant.key, body: { email, password } });
  const login = { tenantSlug: tenant.tenantSlug, email, password };
  const { sessionToken } = await fleet.ok('POST', '/v1/sessions', { body: login });
  expect(await statusOf(sessionToken)).toBe(200);
  await fleet.ok('PATCH', `/v1/users/${user.id}`, { key: tenant.key, body: { status: 'suspended' } });
  await eventually(async () => expect([401, 403]).toContain(await statusOf(sessionToken)), {
    timeoutMs: 20_000,
    intervalMs: 100,
  });
  const again = await fleet.call('POST', '/v1/sessions', { body: login });
  expect([401, 403]).toContain(again.status);
});

test('an expired key is refused', async () => {
  const { key } = await newKey({ expireTime: new Date(Date.now() + 6_000).toISOString() });
  expect(await statusOf(key)).toBe(200);
  await eventually(async () => expect(await statusOf(key)).toBe(401), { timeoutMs: 30_000, intervalMs: 200 });
  expect(
    await fleet.call('POST', '/v1/api-keys', {
      key: tenant.key,
      body: { name: 'late', expireTime: '2020-01-01T00:00:00Z' },
    }),
  ).toMatchObject({ status: 400, body: { reason: 'INVALID_REQUEST' } });
});

test('nobody makes a key or a user that may do more than they may themselves', async () => {
  const poor = await newKey({ scopes: ['api-keys:write', 'agents:read'] });
  const wish = { name: 'more', scopes: ['agents:write'] };
  expect(await fleet.call('POST', '/v1/api-keys', { key: poor.key, body: wish })).toMatchObject({
    status: 403,
    body: { reason: 'SCOPES_EXCEED_PERMISSIONS' },
  });
  // A key without scopes has those of its maker.
  const heir = await fleet.ok('POST', '/v1/api-keys', { key: poor.key, body: { name: 'heir' } });
  expect((await fleet.call('GET', '/v1/users', { key: heir.key })).status).toBe(403);
  const asTenant = {
    name: 'T',
    slug: `t-${randomUUID()}`.slice(0, 20),
    adminEmail: 'a@b.example',
    adminPassword: 'x'.repeat(12),
  };
  expect((await fleet.call('POST', '/v1/tenants', { key: tenant.key, body: asTenant })).status).toBe(403);
});

test.each<[string, Record<string, string>, number]>([
  ['nothing', {}, 401],
  ['an empty bearer', { authorization: 'Bearer ' }, 401],
  ['another scheme', { authorization: 'Basic YWRtaW46YWRtaW4=' }, 401],
  ['garbage', { authorization: `Bearer ${'%'.repeat(200)}` }, 401],
  ['a key that is too long', { 'x-api-key': `flk_${'a'.repeat(5_000)}` }, 401],
  ['a key of nobody', { 'x-api-key': 'flk_0000000000000000000000000000' }, 401],
  ['bytes beyond ASCII', { 'x-api-key': 'flk_\u00e4\u00ff' }, 401],
  ['SQL', { 'x-api-key': "flk_' or '1'='1" }, 401],
  ['a JSON Web Token without a signature', { authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.' }, 401],
  ['two credentials', { authorization: 'Bearer flk_a', 'x-api-key': 'flk_b' }, 400],
])('%s as a credential is refused', async (_, headers, status) => {
  const answer = await fleet.call('GET', '/v1/agents', { headers });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  if (status === 401) expect(answer.headers.get('www-authenticate')).toContain('Bearer');
  expect(await unready(fleet)).toEqual([]);
});

test('a signed principal is for services: the gateway does not take it', async () => {
  expect(await statusOf(await fleet.exchange(tenant.key))).toBe(401);
});
