import { createSecretKey } from 'node:crypto';
import { SignJWT, UnsecuredJWT } from 'jose';
import { expect, test } from 'vitest';
import {
  createKeyring,
  createPrincipalVerifier,
  generateSigningKeys,
  hashSecret,
  newSecret,
  remoteKeys,
  safeEqual,
  signPrincipal,
  staticKeys,
} from './index.ts';

const keyring = createKeyring(generateSigningKeys());
const verify = createPrincipalVerifier({ keys: staticKeys(keyring.publicJwks()) });
const claims = { tenantId: 't', userId: 'u', permissions: ['agents:read'], operator: false };
const invalid = { code: 'unauthenticated', reason: 'TOKEN_INVALID' };

test('a signed principal comes back as it was', async () => {
  const { token, tokenId, expiresAt } = await signPrincipal(keyring, claims, 60_000);
  expect(await verify(token)).toEqual({
    tenantId: 't',
    userId: 'u',
    actor: { type: 'user', id: 'u' },
    permissions: new Set(['agents:read']),
    tokenId,
    expiresAt,
    operator: false,
  });
});

test('an expired token is refused, also when it was verified and remembered before', async () => {
  let now = new Date();
  const watching = createPrincipalVerifier({ keys: staticKeys(keyring.publicJwks()), now: () => now });
  const { token } = await signPrincipal(keyring, claims, 60_000, { now });
  await watching(token);
  now = new Date(now.getTime() + 61_000);
  await expect(watching(token)).rejects.toMatchObject({ code: 'unauthenticated', reason: 'TOKEN_EXPIRED' });
});

test('another audience, another issuer, another key and a changed payload are refused', async () => {
  const other = createKeyring(generateSigningKeys());
  const tokens = await Promise.all([
    signPrincipal(keyring, claims, 60_000, { audience: 'elsewhere' }),
    signPrincipal(keyring, claims, 60_000, { issuer: 'somebody' }),
    signPrincipal(other, claims, 60_000),
    signPrincipal({ ...other, signing: { ...other.signing, kid: keyring.signing.kid } }, claims, 60_000),
  ]);
  const [header, , signature] = (await signPrincipal(keyring, claims, 60_000)).token.split('.');
  const forged = Buffer.from(JSON.stringify({ iss: 'flotilla-identity', aud: 'flotilla', sub: 'root' })).toString(
    'base64url',
  );
  for (const token of [...tokens.map((signed) => signed.token), `${header}.${forged}.${signature}`, '', 'a.b.c']) {
    await expect(verify(token)).rejects.toMatchObject(invalid);
  }
});

test('algorithm none, and the public key misused as an HMAC secret, are refused', async () => {
  const payload = { tid: 't', typ: 'user', scp: ['agents:write'], opr: true };
  const none = new UnsecuredJWT(payload)
    .setIssuer('flotilla-identity')
    .setAudience('flotilla')
    .setSubject('u')
    .setJti('j')
    .setExpirationTime('1m')
    .encode();
  const confused = await new SignJWT(payload)
    .setProtectedHeader({ alg: 'HS256', kid: keyring.signing.kid })
    .setIssuer('flotilla-identity')
    .setAudience('flotilla')
    .setSubject('u')
    .setJti('j')
    .setExpirationTime('1m')
    .sign(createSecretKey(Buffer.from(keyring.publicJwks())));
  await expect(verify(none)).rejects.toMatchObject(invalid);
  await expect(verify(confused)).rejects.toMatchObject(invalid);
});

test('an unknown key id is looked up once an interval, and a new key is found that way', async () => {
  let published = keyring;
  let fetches = 0;
  let now = 0;
  const keys = remoteKeys(
    async () => {
      fetches += 1;
      return published.publicJwks();
    },
    { now: () => now, minIntervalMs: 1_000 },
  );
  expect(await keys(keyring.signing.kid)).toBeDefined();
  for (let i = 0; i < 50; i += 1) expect(await keys(`unknown-${i}`)).toBeUndefined();
  expect(fetches).toBe(1);
  published = createKeyring(generateSigningKeys());
  now += 1_001;
  expect(await keys(published.signing.kid)).toBeDefined();
  expect(fetches).toBe(2);
});

test('while the keys were never seen the answer is unavailable, not unauthenticated', async () => {
  const keys = remoteKeys(async () => Promise.reject(new Error('identity is down')));
  const { token } = await signPrincipal(keyring, claims, 60_000);
  await expect(createPrincipalVerifier({ keys })(token)).rejects.toMatchObject({
    code: 'unavailable',
    reason: 'SIGNING_KEYS_UNAVAILABLE',
  });
});

test('the first key signs and all are published', () => {
  const [a, b] = [generateSigningKeys(), generateSigningKeys()].map((json) => JSON.parse(json).keys[0]);
  const both = createKeyring(JSON.stringify({ keys: [b, a] }));
  expect(both.signing.kid).toBe(b.kid);
  expect(JSON.parse(both.publicJwks()).keys.map(({ kid }: { kid: string }) => kid)).toEqual([b.kid, a.kid]);
  expect(both.publicJwks()).not.toContain('"d"');
});

test.each(['', '{}', '{"keys":[]}', '{"keys":[{"kty":"RSA"}]}', 'canary'])(
  '%j is no set of signing keys, and is not shown',
  (json) => {
    expect(() => createKeyring(json)).toThrow(expect.objectContaining({ reason: 'SIGNING_KEYS_INVALID' }));
    expect(() => createKeyring(json)).not.toThrow(/canary/);
  },
);

test('secrets are long, different and compared as a whole', () => {
  const [a, b] = [newSecret('flk_'), newSecret('flk_')];
  expect(a).toMatch(/^flk_[0-9A-Za-z]{40}$/);
  expect(a).not.toBe(b);
  expect(hashSecret(a)).toMatch(/^[0-9a-f]{64}$/);
  expect([safeEqual(a, a), safeEqual(a, b), safeEqual(a, '')]).toEqual([true, false, false]);
});
