import { randomUUID } from 'node:crypto';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  ActionResult,
  ActionService,
  ActorType,
  ApiKeyService,
  GrantService,
  UserRole,
  UserService,
  UserStatus,
} from '@flotilla/contracts/identity';
import { createKafkaTransport } from '@flotilla/events';
import { createLogger } from '@flotilla/observability';
import { newId, unprotectedTables } from '@flotilla/postgres';
import {
  createKeyring,
  createPrincipalVerifier,
  generateSigningKeys,
  signPrincipal,
  staticKeys,
} from '@flotilla/secrets';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adminPassword, bootstrapKey, serviceSecret, startIdentity } from './harness.ts';

let identity: Awaited<ReturnType<typeof startIdentity>>;
let a: Awaited<ReturnType<typeof identity.newTenant>>;
const password = 'correct horse battery';

beforeAll(async () => {
  identity = await startIdentity();
  a = await identity.newTenant();
});
afterAll(() => identity.stop());

/** A user of the tenant, their token, and a grant that the workflow service holds for them. */
async function granted(email: string, role = UserRole.ADMIN) {
  const user = await a.users.createUser({ email, password, role });
  const token = await identity.exchange({ case: 'sessionToken', value: await a.login(email, password) });
  const grants = identity.clientOf(GrantService, await identity.serviceToken());
  const purpose = `workflow_instances/${randomUUID()}`;
  const { grantId } = await grants.createGrant({ subjectToken: token, purpose });
  const useBy = (name = 'workflow') => {
    const service = { name, secret: serviceSecret };
    return identity.tokens.exchangeToken({ credential: { case: 'grant', value: { grantId, service } } });
  };
  return { user, token, grants, grantId, purpose, useBy };
}

describe('grants', () => {
  test('a service acts for the user as the user is now, within what was granted', async () => {
    const verify = createPrincipalVerifier({ keys: staticKeys((await identity.tokens.getSigningKeys({})).jwksJson) });
    const { user, useBy } = await granted('grants@example.com');
    const before = await verify((await useBy()).token);
    expect(before).toMatchObject({ tenantId: a.id, userId: user.id, actor: { type: 'user', id: user.id } });
    expect(before.permissions.has('users:write')).toBe(true);
    expect(before.expiresAt.getTime() - Date.now()).toBeLessThanOrEqual(60_000);

    await a.users.updateUser({ id: user.id, role: UserRole.MEMBER });
    const after = await verify((await useBy()).token);
    expect(after.permissions.has('users:write')).toBe(false);
    expect(after.permissions.has('agents:read')).toBe(true);
  });

  test('several are stored at once, each for its purpose, those that there are already among them', async () => {
    const { token, grants, grantId, purpose } = await granted('several@example.com');
    const purposes = [randomUUID(), purpose, randomUUID()];
    const { grantIds } = await grants.batchCreateGrants({ subjectToken: token, purposes });
    expect(new Set(grantIds).size).toBe(3);
    expect(grantIds[1]).toBe(grantId);
    expect((await grants.batchCreateGrants({ subjectToken: token, purposes })).grantIds).toEqual(grantIds);
    const taken = grants.batchCreateGrants({ subjectToken: a.token, purposes: [randomUUID(), purpose] });
    await expect(taken).rejects.toMatchObject({ reason: 'PURPOSE_TAKEN' });
    const twice = grants.batchCreateGrants({ subjectToken: token, purposes: ['p', 'p'] });
    await expect(twice).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  test('what a limited key granted stays limited, even when its user may do more', async () => {
    const verify = createPrincipalVerifier({ keys: staticKeys((await identity.tokens.getSigningKeys({})).jwksJson) });
    const { key } = await a.keys.createApiKey({ name: 'runner', scopes: ['agents:execute'] });
    const grants = identity.clientOf(GrantService, await identity.serviceToken());
    const subjectToken = await identity.exchange({ case: 'apiKey', value: key });
    const { grantId } = await grants.createGrant({ subjectToken, purpose: randomUUID() });
    const service = { name: 'workflow', secret: serviceSecret };
    const { token } = await identity.tokens.exchangeToken({
      credential: { case: 'grant', value: { grantId, service } },
    });
    expect([...(await verify(token)).permissions]).toEqual(['agents:execute']);
  });

  test('asked twice for one purpose there is one grant, also at once; nobody else gets it', async () => {
    const { grants, token, purpose, grantId, useBy } = await granted('twice@example.com');
    const again = await Promise.all(
      Array.from({ length: 5 }, () => grants.createGrant({ subjectToken: token, purpose })),
    );
    expect(new Set(again.map((grant) => grant.grantId))).toEqual(new Set([grantId]));
    await expect(grants.createGrant({ subjectToken: a.token, purpose })).rejects.toMatchObject({
      reason: 'PURPOSE_TAKEN',
    });
    await expect(useBy('gateway')).rejects.toMatchObject({ code: 'unauthenticated', reason: 'CREDENTIAL_INVALID' });
    const gateway = identity.clientOf(GrantService, await identity.serviceToken('', 'gateway'));
    await expect(gateway.revokeGrant({ tenantId: a.id, grantId })).rejects.toMatchObject({ reason: 'GRANT_NOT_FOUND' });
    await expect(grants.revokeGrant({ tenantId: newId(), grantId })).rejects.toMatchObject({
      reason: 'GRANT_NOT_FOUND',
    });
    await useBy();
  });

  test('a grant ends when it is taken back, when its user is deactivated, and when its user is removed', async () => {
    const one = await granted('one@example.com');
    await one.grants.revokeGrant({ tenantId: a.id, grantId: one.grantId });
    await one.grants.revokeGrant({ tenantId: a.id, grantId: one.grantId });
    await expect(one.useBy()).rejects.toMatchObject({ code: 'permission_denied', reason: 'GRANT_REVOKED' });

    const several = [await granted('first@example.com'), await granted('second@example.com')];
    const grantIds = several.map(({ grantId }) => grantId);
    const other = identity.clientOf(GrantService, await identity.serviceToken('', 'gateway'));
    await other.batchRevokeGrants({ tenantId: a.id, grantIds });
    for (const { useBy } of several) await useBy();
    await one.grants.batchRevokeGrants({ tenantId: a.id, grantIds: [...grantIds, newId(), one.grantId] });
    for (const { useBy } of several) await expect(useBy()).rejects.toMatchObject({ reason: 'GRANT_REVOKED' });

    const two = await granted('two@example.com');
    await a.users.updateUser({ id: two.user.id, status: UserStatus.SUSPENDED });
    await expect(two.useBy()).rejects.toMatchObject({ code: 'permission_denied', reason: 'USER_INACTIVE' });

    const three = await granted('three@example.com');
    await a.users.deleteUser({ id: three.user.id });
    await expect(three.useBy()).rejects.toMatchObject({ code: 'permission_denied', reason: 'GRANT_REVOKED' });
  });

  test('only services may hold grants, and only for genuine users', async () => {
    const subjectToken = a.token;
    await expect(
      identity.clientOf(GrantService, a.token).createGrant({ subjectToken, purpose: 'p' }),
    ).rejects.toMatchObject({ code: 'permission_denied', reason: 'INTERNAL_METHOD' });
    const grants = identity.clientOf(GrantService, await identity.serviceToken());
    const claims = { tenantId: a.id, userId: a.adminUserId, permissions: ['users:write'], operator: false };
    const forged = await signPrincipal(createKeyring(generateSigningKeys()), claims, 60_000);
    await expect(grants.createGrant({ subjectToken: forged.token, purpose: 'p' })).rejects.toMatchObject({
      reason: 'TOKEN_INVALID',
    });
    const service = await identity.serviceToken(a.id);
    await expect(grants.createGrant({ subjectToken: service, purpose: 'p' })).rejects.toMatchObject({
      reason: 'GRANT_NEEDS_USER',
    });
  });
});

describe('recorded actions', () => {
  const action = (changes: object = {}) => ({
    id: newId(),
    tenantId: a.id,
    actorType: ActorType.USER,
    actorId: 'u',
    action: 'audit.read',
    result: ActionResult.SUCCESS,
    service: 'audit',
    occurTime: timestampFromDate(new Date()),
    ipAddress: '192.0.2.77',
    ...changes,
  });

  test('each becomes one event in the tenant that it concerns, however often it is sent', async () => {
    const actions = identity.clientOf(ActionService, await identity.serviceToken());
    const [mine, nobodys] = [action(), action({ tenantId: '' })];
    expect(await actions.recordAction({ actions: [mine, nobodys] })).toMatchObject({ recorded: 2 });
    expect(await actions.recordAction({ actions: [mine, nobodys, mine] })).toMatchObject({ recorded: 0 });
    const recorded = async (tenantId: string, id: string) =>
      (await identity.events(tenantId)).filter(
        ({ type, message }) => type === 'ActionRecorded' && JSON.stringify(message).includes(id),
      );
    expect(await recorded(a.id, mine.id)).toHaveLength(1);
    expect(JSON.stringify(await recorded(a.id, mine.id))).not.toContain('192.0.2.77');
    const [{ id: operatorId } = { id: '' }] = await identity.database.query<{ id: string }>(
      'select id from tenants where operator',
    );
    expect(await recorded(operatorId, nobodys.id)).toHaveLength(1);
  });

  test('users cannot record, and what identity itself refused is recorded', async () => {
    const denied = identity.clientOf(ActionService, a.token).recordAction({ actions: [action()] });
    await expect(denied).rejects.toMatchObject({ code: 'permission_denied', reason: 'INTERNAL_METHOD' });
    await eventually(async () => {
      const events = (await identity.events(a.id)).filter(({ type }) => type === 'ActionRecorded');
      expect(events.map(({ message }) => message)).toContainEqual({
        action: expect.objectContaining({
          actorType: 'ACTOR_TYPE_USER',
          actorId: a.adminUserId,
          action: 'ActionService.RecordAction',
          result: 'ACTION_RESULT_FAILURE',
          reason: 'INTERNAL_METHOD',
          service: 'identity',
        }),
      });
    });
  });
});

test('without a token every method but the public ones is refused', async () => {
  for (const service of [UserService, ApiKeyService, GrantService, ActionService]) {
    const client = identity.clientOf(service) as unknown as Record<string, (request: object) => Promise<unknown>>;
    for (const { localName } of service.methods) {
      await expect(client[localName]?.({})).rejects.toMatchObject({ code: 'unauthenticated', reason: 'TOKEN_MISSING' });
    }
  }
});

test('starting again, also twice at once, changes nothing; another bootstrap key replaces the old one', async () => {
  const count = async () =>
    (
      await identity.database.query<{ n: string }>(`select (select count(*) from tenants where operator) || ' ' ||
      (select count(*) from users u join tenants t on t.id = u.tenant_id where t.operator) || ' ' || (select count(*) from api_keys k join tenants t on t.id = k.tenant_id where t.operator) as n`)
    )[0]?.n;
  const before = await count();
  const again = await Promise.all([identity.start(), identity.start()]);
  await Promise.all(again.map(({ service }) => service.stop()));
  expect(await count()).toBe(before);

  const apiKey = `flk_${'n'.repeat(40)}`;
  const rotated = await identity.start({ bootstrap: { ...identity.config.bootstrap, apiKey } });
  await rotated.service.stop();
  await identity.exchange({ case: 'apiKey', value: apiKey });
  await expect(identity.exchange({ case: 'apiKey', value: bootstrapKey })).rejects.toMatchObject({
    reason: 'API_KEY_REVOKED',
  });
});

test('no table shows one tenant’s rows to another', async () => {
  expect(await unprotectedTables(identity.database.superuserUrl)).toEqual([]);
});

test('events reach the topic, and no secret is in any of them, nor in the log', async () => {
  const { user } = await granted('topic@example.com');
  const transport = createKafkaTransport({
    brokers: [...identity.config.kafkaBrokers],
    clientId: 'test',
    prefix: identity.config.kafkaPrefix,
    log: createLogger({ service: 'test', level: 'silent' }),
  });
  const seen: string[] = [];
  const subscription = transport.subscribe({
    group: 'test',
    topics: ['flotilla.identity.v1', 'flotilla.identity.changes.v1'],
    handle: async (records) => {
      seen.push(
        ...records.map((record) => `${JSON.stringify(record.headers)} ${Buffer.from(record.value).toString('latin1')}`),
      );
      return records.length;
    },
  });
  try {
    await eventually(
      () => expect(seen.join('\n')).toMatch(new RegExp(`${user.id}[^]*UserCreated|UserCreated[^]*${user.id}`)),
      { timeoutMs: 30_000 },
    );
  } finally {
    await subscription.stop();
    await transport.close();
  }
  const secrets = [
    adminPassword,
    bootstrapKey,
    password,
    serviceSecret,
    a.sessionToken,
    a.token,
    'argon2id',
    'topic@example.com',
  ];
  for (const secret of secrets) {
    expect(seen.join('\n')).not.toContain(secret);
    expect(identity.lines.join('\n')).not.toContain(secret);
  }
});

test('the service is ready while its database answers', async () => {
  const ready = await fetch(`http://127.0.0.1:${identity.adminPort}/readyz`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toMatchObject({ ready: true, checks: { database: { ok: true } } });
});
