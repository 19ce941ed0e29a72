import type { Redis } from './connection.ts';

/** What a cache is made with. */
export interface CacheOptions {
  /** Part of every key, so that caches do not meet. */
  readonly name: string;
  readonly ttlMs: number;
}

/** Values as JSON that may vanish at any time. Without Redis every look-up misses and nothing is kept: never an error. */
export interface Cache<T> {
  get(key: string): Promise<T | undefined>;
  set(key: string, value: T, ttlMs?: number): Promise<void>;
  delete(key: string): Promise<void>;
  /** The kept value, or a fresh one; within this process one load for all who ask at once. */
  getOrLoad(key: string, load: () => Promise<T>): Promise<T>;
}

/** Creates a named cache. */
export function createCache<T>(redis: Redis, { name, ttlMs }: CacheOptions): Cache<T> {
  const loading = new Map<string, Promise<T>>();
  const keyOf = (key: string) => `cache:${name}:${key}`;

  async function get(key: string): Promise<T | undefined> {
    const text = await redis.use(`cache ${name}`, (client) => client.get(keyOf(key))).catch(() => null);
    return text === null ? undefined : (JSON.parse(text) as T);
  }

  async function set(key: string, value: T, lifeMs = ttlMs): Promise<void> {
    await redis
      .use(`cache ${name}`, (client) => client.set(keyOf(key), JSON.stringify(value), 'PX', lifeMs))
      .catch(() => undefined);
  }

  async function load(key: string, fresh: () => Promise<T>): Promise<T> {
    const kept = await get(key);
    if (kept !== undefined) return kept;
    const value = await fresh();
    await set(key, value);
    return value;
  }

  return {
    get,
    set,
    async delete(key) {
      await redis.use(`cache ${name}`, (client) => client.del(keyOf(key))).catch(() => undefined);
    },
    getOrLoad(key, fresh) {
      const running = loading.get(key);
      if (running !== undefined) return running;
      const started = load(key, fresh).finally(() => loading.delete(key));
      loading.set(key, started);
      return started;
    },
  };
}
