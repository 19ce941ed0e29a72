import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { permissions as everyPermission } from '@flotilla/contracts';
import {
  ApiKeyService,
  ApiKeyStatus,
  SessionService,
  UserRole,
  UserService,
  UserStatus,
} from '@flotilla/contracts/identity';
import { createPrincipalVerifier, staticKeys } from '@flotilla/secrets';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootstrapKey, serviceSecret, startIdentity } from './harness.ts';

let identity: Awaited<ReturnType<typeof startIdentity>>;
let a: Awaited<ReturnType<typeof identity.newTenant>>;
let b: typeof a;
let verify: ReturnType<typeof createPrincipalVerifier>;
const password = 'correct horse battery';
const loginFailed = { code: 'unauthenticated', reason: 'LOGIN_FAILED' };

beforeAll(async () => {
  identity = await startIdentity({ lockout: { attempts: 3, durationMs: 60_000 } });
  [a, b] = [await identity.newTenant(), await identity.newTenant()];
  const keys = staticKeys((await identity.tokens.getSigningKeys({})).jwksJson);
  verify = createPrincipalVerifier({ keys, now: identity.now }); // by the service's clock, which tests move
});
afterAll(() => identity.stop());

describe('login', () => {
  test('whatever is wrong, the answer is the same, and the try is recorded where it belongs', async () => {
    const sessions = identity.clientOf(SessionService);
    const right = { tenantSlug: a.slug, email: a.admin.email, password };
    const wrong = [
      { ...right, tenantSlug: 'nobody' },
      { ...right, email: 'nobody@example.com' },
      { ...right, password: 'wrong' },
    ];
    const errors = await Promise.all(
      wrong.map((wish) => sessions.login(wish).catch((error: unknown) => error as Error)),
    );
    for (const error of errors) expect(error).toMatchObject(loginFailed);
    expect(new Set(errors.map((error) => ('message' in error ? error.message : ''))).size).toBe(1);
    expect((await sessions.login({ ...right, email: right.email.toUpperCase() })).user?.id).toBe(a.adminUserId);
    await eventually(async () => {
      const actions = (await identity.events()).filter(({ type }) => type === 'ActionRecorded');
      const refused = JSON.stringify(actions.filter(({ message }) => JSON.stringify(message).includes('LOGIN_FAILED')));
      expect(refused).toContain(`"resourceId":"${a.adminUserId}"`);
      expect(refused.match(/LOGIN_FAILED/g)).toHaveLength(3);
    });
    expect(JSON.stringify(await identity.events(b.id))).not.toContain('LOGIN_FAILED');
  });

  test('too many wrong passwords lock the account for a while, also for the right one, and no guess is lost in a race', async () => {
    const user = await a.users.createUser({ email: 'locked@example.com', password });
    const guesses = await Promise.allSettled(Array.from({ length: 6 }, () => a.login(user.email, 'wrong password')));
    expect(guesses.every(({ status }) => status === 'rejected')).toBe(true);
    await expect(a.login(user.email, password)).rejects.toMatchObject(loginFailed);
    identity.advance(61_000);
    expect(await a.login(user.email, password)).toMatch(/^fls_/);
  });

  test('a session ends by logging out and by its time; ending it twice is no error', async () => {
    const session = await a.login();
    const sessions = identity.clientOf(SessionService);
    const exchange = () => identity.exchange({ case: 'sessionToken', value: session });
    await exchange();
    await sessions.logout({ sessionToken: session });
    await sessions.logout({ sessionToken: session });
    await sessions.logout({ sessionToken: 'fls_unknown' });
    await expect(exchange()).rejects.toMatchObject({ code: 'unauthenticated', reason: 'SESSION_ENDED' });

    const other = await a.login();
    identity.advance(identity.config.sessionTtlMs + 1_000);
    await expect(identity.exchange({ case: 'sessionToken', value: other })).rejects.toMatchObject({
      reason: 'SESSION_ENDED',
    });
    a = { ...a, token: await identity.exchange({ case: 'sessionToken', value: await a.login() }) };
    a = { ...a, users: identity.clientOf(UserService, a.token), keys: identity.clientOf(ApiKeyService, a.token) };
    b = { ...b, token: await identity.exchange({ case: 'sessionToken', value: await b.login() }) };
    b = { ...b, users: identity.clientOf(UserService, b.token), keys: identity.clientOf(ApiKeyService, b.token) };
  });

  test('only who knows the password learns that the user is not active', async () => {
    const user = await a.users.createUser({ email: 'inactive@example.com', password });
    await a.users.updateUser({ id: user.id, status: UserStatus.INACTIVE });
    await expect(a.login(user.email, 'wrong')).rejects.toMatchObject(loginFailed);
    await expect(a.login(user.email, password)).rejects.toMatchObject({
      code: 'permission_denied',
      reason: 'USER_INACTIVE',
    });
  });
});

describe('API keys', () => {
  test('a key acts for its maker within its scopes, is shown once, listed without itself and revoked', async () => {
    const { key, apiKey } = await a.keys.createApiKey({ name: 'ci', scopes: ['agents:read', 'api-keys:read'] });
    expect(key).toMatch(/^flk_[0-9A-Za-z]{40}$/);
    expect(apiKey).toMatchObject({
      name: 'ci',
      userId: a.adminUserId,
      keyPrefix: key.slice(0, 12),
      status: ApiKeyStatus.ACTIVE,
    });
    const token = await identity.exchange({ case: 'apiKey', value: key });
    const principal = await verify(token);
    expect(principal).toMatchObject({ tenantId: a.id, userId: a.adminUserId, operator: false });
    expect([...principal.permissions].sort()).toEqual(['agents:read', 'api-keys:read']);

    const id = apiKey?.id ?? '';
    expect(await a.keys.getApiKey({ id })).toMatchObject({ id, keyPrefix: apiKey?.keyPrefix });
    const listed = await a.keys.listApiKeys({ status: ApiKeyStatus.ACTIVE });
    expect(listed.apiKeys.map((item) => item.id)).toContain(id);
    expect(JSON.stringify(listed, bigintAsText)).not.toContain(key);

    expect(await a.keys.revokeApiKey({ id })).toMatchObject({ status: ApiKeyStatus.REVOKED });
    expect(await a.keys.revokeApiKey({ id })).toMatchObject({ status: ApiKeyStatus.REVOKED });
    await expect(identity.exchange({ case: 'apiKey', value: key })).rejects.toMatchObject({
      code: 'unauthenticated',
      reason: 'API_KEY_REVOKED',
    });
    const events = (await identity.events(a.id)).filter(({ message }) => JSON.stringify(message).includes(id));
    expect(events.map(({ type }) => type).filter((type) => type.startsWith('ApiKey'))).toEqual([
      'ApiKeyCreated',
      'ApiKeyRevoked',
    ]);
    expect(JSON.stringify(await identity.events())).not.toContain(key);
  });

  test('an expired key is refused, an unknown one as well, and another tenant’s does not exist', async () => {
    const expireTime = timestampFromDate(new Date(Date.now() + 3_600_000 * 24));
    const { key, apiKey } = await a.keys.createApiKey({ name: 'short', expireTime });
    const id = apiKey?.id ?? '';
    const missing = { code: 'not_found', reason: 'API_KEY_NOT_FOUND' };
    await expect(b.keys.getApiKey({ id })).rejects.toMatchObject(missing);
    await expect(b.keys.revokeApiKey({ id })).rejects.toMatchObject(missing);
    expect((await b.keys.listApiKeys({})).apiKeys).toEqual([]);
    await identity.database.query(`update api_keys set expires_at = '2020-01-01' where id = $1`, [id]);
    await expect(identity.exchange({ case: 'apiKey', value: key })).rejects.toMatchObject({
      reason: 'API_KEY_EXPIRED',
    });
    expect((await a.keys.listApiKeys({ status: ApiKeyStatus.EXPIRED })).apiKeys.map((item) => item.id)).toEqual([id]);
    await expect(identity.exchange({ case: 'apiKey', value: `flk_${'x'.repeat(40)}` })).rejects.toMatchObject({
      reason: 'CREDENTIAL_INVALID',
    });
  });

  test('a key never allows more than its maker: neither by scopes nor by naming none', async () => {
    const { key } = await a.keys.createApiKey({ name: 'limited', scopes: ['api-keys:write', 'agents:read'] });
    const limited = identity.clientOf(ApiKeyService, await identity.exchange({ case: 'apiKey', value: key }));
    await expect(limited.createApiKey({ name: 'more', scopes: ['users:write'] })).rejects.toMatchObject({
      code: 'permission_denied',
      reason: 'SCOPES_EXCEED_PERMISSIONS',
    });
    const child = await limited.createApiKey({ name: 'child' });
    expect([...(child.apiKey?.scopes ?? [])].sort()).toEqual(['agents:read', 'api-keys:write']);
  });

  test('the use of a key is noted, at most once a minute', async () => {
    const { key, apiKey } = await a.keys.createApiKey({ name: 'used' });
    const lastUsed = async () => (await a.keys.getApiKey({ id: apiKey?.id ?? '' })).lastUsedTime;
    await identity.exchange({ case: 'apiKey', value: key });
    const first = await eventually(async () => (await lastUsed()) ?? false);
    await identity.exchange({ case: 'apiKey', value: key });
    const { key: later, apiKey: sentinel } = await a.keys.createApiKey({ name: 'sentinel' });
    await identity.exchange({ case: 'apiKey', value: later });
    await eventually(async () => (await a.keys.getApiKey({ id: sentinel?.id ?? '' })).lastUsedTime !== undefined);
    expect(await lastUsed()).toEqual(first);
  });
});

describe('what a credential is worth follows the user and the tenant', () => {
  test('a suspended tenant and an inactive user are refused with the reason; an active one is let in again', async () => {
    const { key } = await b.keys.createApiKey({ name: 'b' });
    const exchange = () => identity.exchange({ case: 'apiKey', value: key });
    await identity.database.query(`update tenants set status = 'suspended' where id = $1`, [b.id]);
    await expect(exchange()).rejects.toMatchObject({ code: 'permission_denied', reason: 'TENANT_INACTIVE' });
    await expect(b.login()).rejects.toMatchObject({ reason: 'TENANT_INACTIVE' });
    await identity.database.query(`update tenants set status = 'active' where id = $1`, [b.id]);
    await exchange();
  });

  test('removing a user ends their keys and sessions', async () => {
    const user = await a.users.createUser({ email: 'leaving@example.com', password, role: UserRole.ADMIN });
    const session = await a.login(user.email, password);
    const keys = identity.clientOf(ApiKeyService, await identity.exchange({ case: 'sessionToken', value: session }));
    const { key } = await keys.createApiKey({ name: 'theirs' });
    await a.users.deleteUser({ id: user.id });
    await expect(identity.exchange({ case: 'apiKey', value: key })).rejects.toMatchObject({
      reason: 'API_KEY_REVOKED',
    });
    await expect(identity.exchange({ case: 'sessionToken', value: session })).rejects.toMatchObject({
      reason: 'SESSION_ENDED',
    });
    await expect(a.login(user.email, password)).rejects.toMatchObject(loginFailed);
  });

  test('only administrators of the operator’s tenant get the operator’s permission', async () => {
    const operator = await verify(await identity.exchange({ case: 'apiKey', value: bootstrapKey }));
    expect([...operator.permissions].sort()).toEqual(everyPermission);
    expect(operator.operator).toBe(true);
    const admin = await verify(a.token);
    expect([...admin.permissions].sort()).toEqual(everyPermission.filter((name) => name !== 'tenants:create'));
  });

  test('a service proves itself by its secret; its principal lasts a minute', async () => {
    const wrong = { case: 'service', value: { name: 'workflow', secret: 'wrong-wrong-wrong-wrong' } } as const;
    const refused = { code: 'unauthenticated', reason: 'CREDENTIAL_INVALID' };
    await expect(identity.tokens.exchangeToken({ credential: wrong })).rejects.toMatchObject(refused);
    await expect(identity.serviceToken('', 'stranger')).rejects.toMatchObject(refused);
    const { token, tenantId, expireTime } = await identity.tokens.exchangeToken({
      credential: { case: 'service', value: { name: 'workflow', secret: serviceSecret, tenantId: a.id } },
    });
    expect(tenantId).toBe(a.id);
    expect(await verify(token)).toMatchObject({ serviceName: 'workflow', actor: { type: 'service', id: 'workflow' } });
    expect(Number(expireTime?.seconds) * 1000 - identity.now().getTime()).toBeLessThanOrEqual(60_000);
  });
});

function bigintAsText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
