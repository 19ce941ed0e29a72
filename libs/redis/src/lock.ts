import { randomUUID } from 'node:crypto';
import { AppError } from '@flotilla/errors';
import type { Redis } from './connection.ts';

/** What a lock is made with. */
export interface LockOptions {
  /** Part of every key, so that locks do not meet. */
  readonly name: string;
  /** How long it stays when its holder dies; while the holder works it is renewed. */
  readonly ttlMs: number;
}

/** What the holder of a lock knows. */
export interface Held {
  /** Grows with every holder. Whoever writes under the lock passes it on, and the receiver refuses smaller ones: a lock alone cannot stop a holder that was paused. */
  readonly fence: number;
  /** Aborted when the lock is lost. */
  readonly signal: AbortSignal;
}

/** Keeps work from being done twice at once. For economy, not for safety: without Redis there is no lock to be had. */
export interface Lock {
  /** Runs the work, or answers `undefined` at once when somebody else holds the lock. Throws `unavailable` without Redis. */
  run<T>(key: string, work: (held: Held) => Promise<T>): Promise<T | undefined>;
}

const acquire = `
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return redis.call('INCR', KEYS[2]) end
return 0
`;
const renew = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
`;
const release = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`;

/** Creates a named lock. */
export function createLock(redis: Redis, { name, ttlMs }: LockOptions): Lock {
  const purpose = `lock ${name}`;

  return {
    async run(key, work) {
      const [lockKey, fenceKey] = [`lock:${name}:${key}`, `fence:${name}:${key}`];
      const token = randomUUID();
      const fence = Number(
        await redis.use(purpose, (client) => client.eval(acquire, 2, lockKey, fenceKey, token, ttlMs)),
      );
      if (fence === 0) return undefined;

      const lost = new AbortController();
      let heldUntil = performance.now() + ttlMs;
      const keeper = setInterval(() => {
        const askedAt = performance.now();
        redis
          .use(purpose, (client) => client.eval(renew, 1, lockKey, token, ttlMs))
          .then(
            (renewed) => {
              if (renewed === 1) heldUntil = askedAt + ttlMs;
              else lost.abort(lockLost());
            },
            () => {
              if (performance.now() + ttlMs / 3 >= heldUntil) lost.abort(lockLost());
            },
          );
      }, ttlMs / 3);
      try {
        return await work({ fence, signal: lost.signal });
      } finally {
        clearInterval(keeper);
        await redis.use(purpose, (client) => client.eval(release, 1, lockKey, token)).catch(() => undefined);
      }
    },
  };
}

function lockLost(): AppError {
  return new AppError('aborted', 'LOCK_LOST', 'The lock went to somebody else.');
}
