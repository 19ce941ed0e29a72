import { AppError } from '@flotilla/errors';
import { expect, test } from 'vitest';
import type { Credential } from './credential.ts';
import { createTokenCache, type PrincipalToken } from './token-cache.ts';

const key: Credential = { case: 'apiKey', value: 'flk_a' };

function cacheOver(exchange: (credential: Credential) => Promise<PrincipalToken>, maxEntries = 10) {
  const clock = { now: 1_000_000 };
  const asked: string[] = [];
  const cache = createTokenCache({
    exchange: (credential) => {
      asked.push(credential.value);
      return exchange(credential);
    },
    ttlMs: 4_000,
    refusalTtlMs: 1_000,
    maxEntries,
    now: () => clock.now,
  });
  return { cache, clock, asked };
}

const token = (expiresAt = 2_000_000): PrincipalToken => ({
  token: 't',
  expiresAt: new Date(expiresAt),
  tenantId: 'x',
});

test('a credential is exchanged once at a time and once per lifetime', async () => {
  const { cache, clock, asked } = cacheOver(async () => token());
  await Promise.all(Array.from({ length: 20 }, () => cache.tokenFor(key)));
  expect(asked).toEqual(['flk_a']);
  clock.now += 3_999;
  expect(cache.knows(key)).toBe(true);
  clock.now += 1;
  expect(cache.knows(key)).toBe(false);
  await cache.tokenFor(key);
  expect(asked).toHaveLength(2);
});

test('a token near its end is exchanged anew', async () => {
  const { cache, clock, asked } = cacheOver(async () => token(clock.now + 5_000));
  await cache.tokenFor(key);
  clock.now += 1_001;
  await cache.tokenFor(key);
  expect(asked).toHaveLength(2);
});

test('a refusal is remembered briefly, a failure to ask is not', async () => {
  const refused = cacheOver(async () => {
    throw new AppError('unauthenticated', 'NO', 'no');
  });
  await expect(refused.cache.tokenFor(key)).rejects.toMatchObject({ code: 'unauthenticated' });
  await expect(refused.cache.tokenFor(key)).rejects.toMatchObject({ code: 'unauthenticated' });
  expect(refused.asked).toHaveLength(1);
  refused.clock.now += 1_000;
  await expect(refused.cache.tokenFor(key)).rejects.toThrow();
  expect(refused.asked).toHaveLength(2);

  const gone = cacheOver(async () => {
    throw new AppError('unavailable', 'GONE', 'gone');
  });
  await expect(gone.cache.tokenFor(key)).rejects.toMatchObject({ code: 'unavailable' });
  await expect(gone.cache.tokenFor(key)).rejects.toMatchObject({ code: 'unavailable' });
  expect(gone.asked).toHaveLength(2);
});

test('the cache is bounded and forgets the oldest', async () => {
  const { cache, asked } = cacheOver(async () => token(), 3);
  for (const value of ['a', 'b', 'c', 'd']) await cache.tokenFor({ case: 'sessionToken', value });
  expect(cache.knows({ case: 'sessionToken', value: 'a' })).toBe(false);
  expect(cache.knows({ case: 'sessionToken', value: 'b' })).toBe(true);
  expect(asked).toHaveLength(4);
});
