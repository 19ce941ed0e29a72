import { ActionResult, ActionService, ActorType, TokenService, UserService } from '@flotilla/contracts/identity';
import { AppError, errorCodes } from '@flotilla/errors';
import { createKeyring, generateSigningKeys, signPrincipal } from '@flotilla/secrets';
import { expect, test } from 'vitest';
import { keyring, partly, startServer, tokenFor } from './harness.ts';

const id = '01938f5e-7b7a-7000-8000-000000000001';

test('every error code crosses the wire with reason, violations and retry delay', async () => {
  let thrown: unknown;
  const { clientOf } = await startServer([partly(UserService, { getUser: async () => Promise.reject(thrown) })]);
  const users = clientOf(UserService, await tokenFor({ permissions: ['users:read'] }));
  for (const code of errorCodes) {
    thrown = new AppError(code, `REASON_OF_${code.toUpperCase()}`, `Said of ${code}, with ümläuts.`, {
      violations: [{ field: 'a.b', reason: 'WRONG', message: 'is wrong' }],
      retryAfterMs: 1_500,
      cause: new Error('inner canary'),
    });
    const received = await users.getUser({ id }).catch((error: unknown) => error);
    expect(received).toMatchObject({
      code,
      reason: `REASON_OF_${code.toUpperCase()}`,
      message: `Said of ${code}, with ümläuts.`,
      violations: [{ field: 'a.b', reason: 'WRONG', message: 'is wrong' }],
      retryAfterMs: 1_500,
    });
  }
});

test('what a handler did not mean to say stays inside, and is logged once', async () => {
  const { clientOf, lines } = await startServer([
    partly(UserService, { getUser: async () => Promise.reject(new Error('connection to db-7 failed')) }),
  ]);
  const users = clientOf(UserService, await tokenFor({ permissions: ['users:read'] }));
  const error = await users.getUser({ id }).catch((failure: unknown) => failure);
  expect(error).toMatchObject({ code: 'internal', reason: 'INTERNAL' });
  expect((error as Error).message).not.toContain('db-7');
  expect(lines.filter((line) => line.includes('db-7'))).toHaveLength(1);
});

test('a thousand violations arrive as as many as a header block holds', async () => {
  const violations = Array.from({ length: 1_000 }, (_, i) => ({
    field: `items[${i}]`,
    reason: 'WRONG',
    message: 'x'.repeat(500),
  }));
  const { clientOf } = await startServer([
    partly(UserService, {
      getUser: async () => Promise.reject(new AppError('invalid_argument', 'MANY', 'Many.', { violations })),
    }),
  ]);
  const users = clientOf(UserService, await tokenFor({ permissions: ['users:read'] }));
  const error = (await users.getUser({ id }).catch((failure: unknown) => failure)) as AppError;
  expect(error).toMatchObject({ code: 'invalid_argument', reason: 'MANY' });
  expect(error.violations.length).toBeGreaterThan(5);
});

test('without a valid bearer token no handler runs, and the denial is handed on', async () => {
  let ran = 0;
  const { clientOf, denials } = await startServer([
    partly(UserService, {
      getUser: async () => {
        ran += 1;
        return {};
      },
    }),
  ]);
  const users = clientOf(UserService);
  const foreign = createKeyring(generateSigningKeys());
  const claims = { tenantId: 't', userId: 'u', permissions: ['users:read'], operator: false };
  const tokens = {
    none: undefined,
    garbage: 'garbage',
    forged: (await signPrincipal(foreign, claims, 60_000)).token,
    expired: (await signPrincipal(keyring, claims, 1_000, { now: new Date(Date.now() - 60_000) })).token,
    elsewhere: (await signPrincipal(keyring, claims, 60_000, { audience: 'elsewhere' })).token,
  };
  for (const token of Object.values(tokens)) {
    await expect(users.getUser({ id }, { token })).rejects.toMatchObject({ code: 'unauthenticated' });
  }
  expect(ran).toBe(0);
  expect(denials.map(({ error }) => error.reason)).toEqual([
    'TOKEN_MISSING',
    'TOKEN_INVALID',
    'TOKEN_INVALID',
    'TOKEN_EXPIRED',
    'TOKEN_INVALID',
  ]);
});

test('a missing permission is refused and recorded with who it was; an internal method is for services', async () => {
  const { clientOf, denials } = await startServer([
    partly(UserService, { getUser: async () => ({ id }) }),
    partly(ActionService, { recordAction: async () => ({ recorded: 1 }) }),
  ]);
  const user = await tokenFor({ permissions: ['users:write'] });
  await expect(clientOf(UserService, user).getUser({ id })).rejects.toMatchObject({
    code: 'permission_denied',
    reason: 'PERMISSION_DENIED',
    message: 'This needs the permission users:read.',
  });
  expect(denials).toMatchObject([{ principal: { userId: 'u1' }, error: { reason: 'PERMISSION_DENIED' } }]);

  const actions = {
    actions: [
      { id, action: 'a', actorType: ActorType.SERVICE, result: ActionResult.FAILURE, occurTime: { seconds: 1n } },
    ],
  };
  await expect(clientOf(ActionService, user).recordAction(actions)).rejects.toMatchObject({
    reason: 'INTERNAL_METHOD',
  });
  const service = await tokenFor({ serviceName: 'gateway', tenantId: '' });
  expect(await clientOf(ActionService, service).recordAction(actions)).toMatchObject({ recorded: 1 });
});

test('a public method is answered to nobody in particular, whatever token comes along', async () => {
  const { clientOf } = await startServer([
    partly(TokenService, { getSigningKeys: async (_request, call) => ({ jwksJson: call.principal.actor.type }) }),
  ]);
  expect(await clientOf(TokenService).getSigningKeys({})).toMatchObject({ jwksJson: 'anonymous' });
});

test('the contract’s rules, NUL characters and the size limit are precise refusals', async () => {
  const { clientOf } = await startServer(
    [partly(UserService, { getUser: async () => ({ id }), createUser: async () => ({ id }) })],
    { maxMessageBytes: 10_000 },
  );
  const users = clientOf(UserService, await tokenFor({ permissions: ['users:read', 'users:write'] }));
  await expect(users.getUser({ id: 'seven' })).rejects.toMatchObject({
    code: 'invalid_argument',
    reason: 'INVALID_REQUEST',
    violations: [{ field: 'id', reason: 'STRING_UUID' }],
  });
  const user = { email: 'a@example.com', password: 'correct horse battery' };
  await expect(users.createUser({ ...user, firstName: 'a\0b' })).rejects.toMatchObject({
    violations: [{ field: 'first_name', reason: 'NUL_CHARACTER' }],
  });
  const tooLarge = { code: 'invalid_argument', reason: 'MESSAGE_TOO_LARGE' };
  await expect(users.createUser({ ...user, firstName: 'x'.repeat(10_000) })).rejects.toMatchObject({
    ...tooLarge,
    message: 'A request has at most 10000 bytes.',
  });
  await expect(users.createUser({ ...user, firstName: 'x'.repeat(200_000) })).rejects.toMatchObject(tooLarge);
});

test('an idempotency key is known where the method honours it, with a hash that tells requests apart', async () => {
  const scopes: unknown[] = [];
  const { clientOf } = await startServer([
    partly(UserService, {
      createUser: async (_request, call) => {
        scopes.push(
          call.idempotency && {
            key: call.idempotency.key,
            hash: Buffer.from(call.idempotency.requestHash).toString('hex'),
          },
        );
        return { id };
      },
    }),
  ]);
  const users = clientOf(UserService, await tokenFor({ permissions: ['users:write'] }));
  const request = { email: 'a@example.com', password: 'correct horse battery' };
  await users.createUser(request, { idempotencyKey: 'k' });
  await users.createUser(request, { idempotencyKey: 'k' });
  await users.createUser({ ...request, username: 'b' }, { idempotencyKey: 'k' });
  await users.createUser(request);
  const [a, b, c, d] = scopes as { key: string; hash: string }[];
  expect(a).toEqual(b);
  expect(c?.hash).not.toBe(a?.hash);
  expect(d).toBeUndefined();
  await expect(users.createUser(request, { idempotencyKey: 'k'.repeat(256) })).rejects.toMatchObject({
    reason: 'INVALID_IDEMPOTENCY_KEY',
  });
});
