export { type Cache, type CacheOptions, createCache } from './cache.ts';
export { createRedis, type Redis, type RedisOptions } from './connection.ts';
export { createLimiter, type Limiter, type LimiterOptions, type LimitVerdict } from './limiter.ts';
export { createLock, type Held, type Lock, type LockOptions } from './lock.ts';
