import { randomUUID } from 'node:crypto';
import { TenantPlan, TenantService, TenantStatus, UserRole, UserStatus } from '@flotilla/contracts/identity';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootstrapKey, startIdentity } from './harness.ts';

let identity: Awaited<ReturnType<typeof startIdentity>>;
let a: Awaited<ReturnType<typeof identity.newTenant>>;
let b: typeof a;
const password = 'correct horse battery';

beforeAll(async () => {
  identity = await startIdentity();
  [a, b] = [await identity.newTenant(), await identity.newTenant()];
});
afterAll(() => identity.stop());

describe('tenants', () => {
  test('a tenant reads and changes itself, and only with the etag that it saw', async () => {
    const tenant = await a.tenants.getTenant({ id: a.id });
    expect(tenant).toMatchObject({
      slug: a.slug,
      status: TenantStatus.ACTIVE,
      plan: TenantPlan.FREE,
      maxAgents: 5,
      etag: '1',
    });
    const changed = await a.tenants.updateTenant({
      id: a.id,
      name: 'Renamed',
      settings: { theme: { dark: true } },
      contactEmail: 'c@example.com',
      etag: '1',
    });
    expect(changed).toMatchObject({
      name: 'Renamed',
      settings: { theme: { dark: true } },
      contactEmail: 'c@example.com',
      etag: '2',
    });
    await expect(a.tenants.updateTenant({ id: a.id, name: 'Late', etag: '1' })).rejects.toMatchObject({
      code: 'aborted',
      reason: 'REVISION_MISMATCH',
    });
  });

  test('another tenant does not exist', async () => {
    const missing = { code: 'not_found', reason: 'TENANT_NOT_FOUND' };
    await expect(a.tenants.getTenant({ id: b.id })).rejects.toMatchObject(missing);
    await expect(a.tenants.updateTenant({ id: b.id, name: 'Mine' })).rejects.toMatchObject(missing);
    expect(await b.tenants.getTenant({ id: b.id })).toMatchObject({ name: 'Tenant' });
  });

  test('only the operator creates tenants, a slug is taken once however many ask, a key makes one', async () => {
    const wish = {
      name: 'New',
      slug: `s-${randomUUID().slice(0, 8)}`,
      adminEmail: 'x@example.com',
      adminPassword: password,
    };
    await expect(a.tenants.createTenant(wish)).rejects.toMatchObject({ code: 'permission_denied' });
    const operator = identity.clientOf(TenantService, await identity.exchange({ case: 'apiKey', value: bootstrapKey }));
    const race = await Promise.allSettled(Array.from({ length: 4 }, () => operator.createTenant(wish)));
    expect(race.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(operator.createTenant(wish)).rejects.toMatchObject({ code: 'already_exists', reason: 'SLUG_TAKEN' });

    const other = { ...wish, slug: `s-${randomUUID().slice(0, 8)}` };
    const key = { idempotencyKey: randomUUID() };
    const made = await operator.createTenant(other, key);
    expect(await operator.createTenant(other, key)).toEqual(made);
    await expect(operator.createTenant({ ...other, name: 'Else' }, key)).rejects.toMatchObject({
      reason: 'IDEMPOTENCY_KEY_REUSED',
    });
  });
});

describe('users', () => {
  test('a user is created, read, listed in pages, changed and removed', async () => {
    const user = await a.users.createUser({ email: 'Ann@example.com', password, firstName: 'Ann', username: 'ann' });
    expect(user).toMatchObject({
      email: 'Ann@example.com',
      role: UserRole.MEMBER,
      status: UserStatus.ACTIVE,
      etag: '1',
    });
    expect(await a.users.getUser({ id: user.id })).toEqual(user);

    const first = await a.users.listUsers({ pageSize: 1 });
    expect(first.users).toEqual([user]);
    const second = await a.users.listUsers({ pageSize: 1, pageToken: first.nextPageToken });
    expect(second.users.map(({ id }) => id)).toEqual([a.adminUserId]);
    expect(second.nextPageToken).toBe('');
    await expect(a.users.listUsers({ pageToken: 'nonsense' })).rejects.toMatchObject({ reason: 'PAGE_TOKEN_INVALID' });

    const changed = await a.users.updateUser({ id: user.id, lastName: 'Lee', status: UserStatus.SUSPENDED, etag: '1' });
    expect(changed).toMatchObject({ firstName: 'Ann', lastName: 'Lee', status: UserStatus.SUSPENDED, etag: '2' });
    await expect(a.users.updateUser({ id: user.id, lastName: 'Late', etag: '1' })).rejects.toMatchObject({
      reason: 'REVISION_MISMATCH',
    });
    expect((await a.users.listUsers({ status: UserStatus.SUSPENDED })).users.map(({ id }) => id)).toEqual([user.id]);

    await a.users.deleteUser({ id: user.id, etag: '2' });
    await expect(a.users.getUser({ id: user.id })).rejects.toMatchObject({
      code: 'not_found',
      reason: 'USER_NOT_FOUND',
    });
    await a.users.createUser({ email: 'ann@example.com', password }); // the address is free again
  });

  test('an address is taken once in a tenant, however it is written and however many ask, and free in another', async () => {
    const race = await Promise.allSettled(
      ['same@example.com', 'SAME@example.com', 'same@example.com', 'Same@example.com'].map((email) =>
        a.users.createUser({ email, password }),
      ),
    );
    expect(race.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const refused of race.filter((result) => result.status === 'rejected')) {
      expect(refused.reason).toMatchObject({ code: 'already_exists', reason: 'EMAIL_TAKEN' });
    }
    await b.users.createUser({ email: 'same@example.com', password });
  });

  test('a repeated request with a key makes one user', async () => {
    const key = { idempotencyKey: randomUUID() };
    const wish = { email: `${randomUUID()}@example.com`, password };
    const answers = await Promise.all(Array.from({ length: 5 }, () => a.users.createUser(wish, key)));
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    await expect(a.users.createUser({ ...wish, firstName: 'B' }, key)).rejects.toMatchObject({
      reason: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  test('the users of another tenant do not exist', async () => {
    const missing = { code: 'not_found', reason: 'USER_NOT_FOUND' };
    await expect(a.users.getUser({ id: b.adminUserId })).rejects.toMatchObject(missing);
    await expect(a.users.updateUser({ id: b.adminUserId, firstName: 'Mine' })).rejects.toMatchObject(missing);
    await expect(a.users.deleteUser({ id: b.adminUserId })).rejects.toMatchObject(missing);
  });

  test('the last administrator stays, also when two remove each other at once', async () => {
    const lastAdmin = { code: 'failed_precondition', reason: 'LAST_ADMIN' };
    await expect(b.users.deleteUser({ id: b.adminUserId })).rejects.toMatchObject(lastAdmin);
    await expect(b.users.updateUser({ id: b.adminUserId, role: UserRole.MEMBER })).rejects.toMatchObject(lastAdmin);
    await expect(b.users.updateUser({ id: b.adminUserId, status: UserStatus.INACTIVE })).rejects.toMatchObject(
      lastAdmin,
    );
    const second = await b.users.createUser({ email: 'second@example.com', password, role: UserRole.ADMIN });
    const race = await Promise.allSettled(
      [second.id, b.adminUserId].map((id) => b.users.updateUser({ id, role: UserRole.MEMBER })),
    );
    expect(race.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('members cannot manage users, and no role is handed out that exceeds the giver', async () => {
    await a.users.createUser({ email: 'member@example.com', password });
    const member = await identity.exchange({
      case: 'sessionToken',
      value: await a.login('member@example.com', password),
    });
    await expect(a.users.listUsers({}, { token: member })).rejects.toMatchObject({ code: 'permission_denied' });

    const { key } = await a.keys.createApiKey({ name: 'users only', scopes: ['users:write'] });
    const limited = await identity.exchange({ case: 'apiKey', value: key });
    await expect(
      a.users.createUser({ email: 'root@example.com', password, role: UserRole.ADMIN }, { token: limited }),
    ).rejects.toMatchObject({ code: 'permission_denied', reason: 'ROLE_EXCEEDS_PERMISSIONS' });
  });
});

test('every change is an event, without secrets and without personal values', async () => {
  const c = await identity.newTenant();
  const user = await c.users.createUser({
    email: 'canary-mail@example.com',
    password: 'canary-password-1',
    firstName: 'canary-name',
  });
  await c.users.updateUser({ id: user.id, lastName: 'canary-name' });
  await c.users.deleteUser({ id: user.id });
  await c.tenants.updateTenant({ id: c.id, contactName: 'canary-name' });
  const events = await identity.events(c.id);
  const domain = events
    .filter(({ type }) => type !== 'RowChanged' && type !== 'ActionRecorded')
    .map(({ type }) => type);
  expect(domain).toEqual([
    'TenantCreated',
    'UserCreated',
    'UserCreated',
    'UserUpdated',
    'UserDeleted',
    'TenantUpdated',
  ]);
  expect(events.filter(({ type }) => type === 'RowChanged').length).toBeGreaterThan(4);
  expect(JSON.stringify(events)).not.toMatch(/canary|argon2/);
  expect(identity.lines.join('')).not.toMatch(/canary/);
});
