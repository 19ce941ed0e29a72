import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { createLogger, createMetrics } from '@flotilla/observability';
import { eventually, testRedisUrl } from '@flotilla/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { createCache, createLimiter, createLock, createRedis } from '../src/index.ts';

const surroundings = { log: createLogger({ service: 'test', level: 'silent' }), metrics: createMetrics('test') };
const redis = createRedis({ url: testRedisUrl(), deadlineMs: 2_000, ...surroundings });
const second = createRedis({ url: testRedisUrl(), deadlineMs: 2_000, ...surroundings });
const nowhere = createRedis({ url: 'redis://127.0.0.1:1', ...surroundings });
afterAll(() => Promise.all([redis.close(), second.close(), nowhere.close()]));

const name = () => randomUUID();

describe('cache', () => {
  test('what is kept is found by every process until its time is over', async () => {
    const options = { name: name(), ttlMs: 10_000 };
    const [one, two] = [createCache<{ a: number }>(redis, options), createCache<{ a: number }>(second, options)];
    await one.set('k', { a: 1 });
    expect(await two.get('k')).toEqual({ a: 1 });
    await one.set('short', { a: 2 }, 30);
    await eventually(async () => expect(await two.get('short')).toBeUndefined());
    await two.delete('k');
    expect(await one.get('k')).toBeUndefined();
  });

  test('caches of other names do not meet', async () => {
    await createCache(redis, { name: 'a', ttlMs: 10_000 }).set('k', 1);
    expect(await createCache(redis, { name: name(), ttlMs: 10_000 }).get('k')).toBeUndefined();
  });

  test('all who ask at once share one load, and a failed load is not kept', async () => {
    const cache = createCache<number>(redis, { name: name(), ttlMs: 10_000 });
    let loads = 0;
    const load = async () => {
      loads += 1;
      if (loads === 1) throw new Error('no');
      return 7;
    };
    await expect(cache.getOrLoad('k', load)).rejects.toThrow('no');
    expect(await Promise.all(Array.from({ length: 10 }, () => cache.getOrLoad('k', load)))).toEqual(Array(10).fill(7));
    expect(loads).toBe(2);
  });

  test('without Redis everything misses and nothing fails', async () => {
    const cache = createCache<number>(nowhere, { name: name(), ttlMs: 10_000 });
    await cache.set('k', 1);
    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getOrLoad('k', async () => 3)).toBe(3);
    await expect(nowhere.ping()).rejects.toMatchObject({ code: 'unavailable', reason: 'REDIS_UNAVAILABLE' });
    expect(await surroundings.metrics.text()).toMatch(/redis_failures_total\{purpose="ping"[^}]*\} 1/);
  });
});

describe('limiter', () => {
  test('of a crowd over two processes exactly the burst passes, and the rest learns when to come back', async () => {
    const options = { name: name(), limit: 10, windowMs: 60_000, onFailure: 'refuse' } as const;
    const limiters = [createLimiter(redis, options), createLimiter(second, options)];
    const verdicts = await Promise.all(Array.from({ length: 40 }, (_, i) => limiters[i % 2]?.take('k')));
    expect(verdicts.filter((verdict) => verdict?.allowed)).toHaveLength(10);
    for (const refused of verdicts.filter((verdict) => !verdict?.allowed)) {
      expect(refused?.retryAfterMs).toBeGreaterThan(0);
      expect(refused?.retryAfterMs).toBeLessThanOrEqual(6_000);
    }
    expect(await limiters[0]?.take('another key')).toMatchObject({ allowed: true, remaining: 9 });
  });

  test('places come back one by one, evenly over the window', async () => {
    const limiter = createLimiter(redis, { name: name(), limit: 10, windowMs: 1_000, burst: 2, onFailure: 'refuse' });
    await limiter.take('k', 2);
    const refused = await limiter.take('k');
    expect(refused.allowed).toBe(false);
    await pause(refused.retryAfterMs + 5); // the promise under test: then there is a place
    expect(await limiter.take('k')).toMatchObject({ allowed: true });
  });

  test('looking takes nothing', async () => {
    const limiter = createLimiter(redis, { name: name(), limit: 2, windowMs: 60_000, onFailure: 'refuse' });
    for (let i = 0; i < 5; i += 1)
      expect(await limiter.peek('k')).toEqual({ allowed: true, remaining: 2, retryAfterMs: 0 });
    await limiter.take('k', 2);
    expect(await limiter.peek('k')).toMatchObject({ allowed: false });
  });

  test('without Redis it says what it was told to say', async () => {
    const options = { name: name(), limit: 5, windowMs: 1_000 };
    expect(await createLimiter(nowhere, { ...options, onFailure: 'allow' }).take('k')).toMatchObject({ allowed: true });
    expect(await createLimiter(nowhere, { ...options, onFailure: 'refuse' }).take('k')).toEqual({
      allowed: false,
      remaining: 0,
      retryAfterMs: 200,
    });
  });
});

describe('lock', () => {
  test('of many only one works, the others are told at once, and the next holder has a higher fence', async () => {
    const lock = createLock(redis, { name: name(), ttlMs: 5_000 });
    const done = Promise.withResolvers<void>();
    const holder = lock.run('k', async ({ fence }) => {
      await done.promise;
      return fence;
    });
    await eventually(async () => expect(await lock.run('k', async () => 'mine')).toBeUndefined());
    done.resolve();
    const first = await holder;
    expect(await lock.run('k', async ({ fence }) => fence)).toBeGreaterThan(first ?? 0);
  });

  test('it is renewed while the work lasts, and given back when the work fails', async () => {
    const lock = createLock(redis, { name: name(), ttlMs: 150 });
    await expect(
      lock.run('k', async ({ signal }) => {
        await pause(400); // longer than the lock would live by itself
        expect(signal.aborted).toBe(false);
        expect(await lock.run('k', async () => 'mine')).toBeUndefined();
        throw new Error('broken work');
      }),
    ).rejects.toThrow('broken work');
    expect(await lock.run('k', async () => 'mine')).toBe('mine');
  });

  test('a holder who lost it is told', async () => {
    const named = name();
    const lock = createLock(redis, { name: named, ttlMs: 150 });
    await lock.run('k', async ({ signal }) => {
      await redis.use('test', (client) => client.set(`lock:${named}:k`, 'a thief'));
      await eventually(() => expect(signal.reason).toMatchObject({ code: 'aborted', reason: 'LOCK_LOST' }));
    });
    expect(await redis.use('test', (client) => client.get(`lock:${named}:k`))).toBe('a thief');
  });

  test('without Redis there is no lock', async () => {
    const lock = createLock(nowhere, { name: name(), ttlMs: 1_000 });
    await expect(lock.run('k', async () => 1)).rejects.toMatchObject({ code: 'unavailable' });
  });
});
