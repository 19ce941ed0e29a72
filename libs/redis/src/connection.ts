import { AppError } from '@flotilla/errors';
import type { Logger, Metrics } from '@flotilla/observability';
import { Redis as Client } from 'ioredis';

/** What a connection is made with. */
export interface RedisOptions {
  /** `redis://:password@host:port` */
  readonly url: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** For each command; 250 ms unless said. Redis answers in well under one, or something is wrong. */
  readonly deadlineMs?: number;
}

/** One connection to a Redis-compatible server. Commands fail at once while it is away; it comes back by itself. */
export interface Redis {
  /**
   * Runs one command or script. Failures come as `unavailable` REDIS_UNAVAILABLE or `deadline_exceeded` REDIS_TIMEOUT
   * and are counted by purpose.
   */
  use<T>(purpose: string, work: (client: Client) => Promise<T>): Promise<T>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Opens it; connects when first used. */
export function createRedis({ url, log, metrics, deadlineMs = 250 }: RedisOptions): Redis {
  const failures = metrics.counter('redis_failures_total', 'Commands that failed, by purpose.', ['purpose']);
  const client = new Client(url, {
    lazyConnect: true,
    connectTimeout: 2_000,
    commandTimeout: deadlineMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempts) => Math.min(50 * 2 ** Math.min(attempts, 6), 1_000),
  });
  let firstConnection: Promise<void> | undefined;
  let reported = false;
  client.on('error', (error) => {
    if (!reported) log.warn({ err: error }, 'Redis is not available');
    reported = true;
  });
  client.on('ready', () => {
    if (reported) log.info('Redis is available again');
    reported = false;
  });

  async function use<T>(purpose: string, work: (client: Client) => Promise<T>): Promise<T> {
    try {
      firstConnection ??= client.connect().catch(() => undefined); // the command then says why not
      await firstConnection;
      return await work(client);
    } catch (cause) {
      failures.inc({ purpose });
      throw cause instanceof Error && /timed? ?out/i.test(cause.message)
        ? new AppError('deadline_exceeded', 'REDIS_TIMEOUT', 'The cache took too long.', { cause })
        : new AppError('unavailable', 'REDIS_UNAVAILABLE', 'The cache is not available.', { cause });
    }
  }

  return {
    use,
    ping: async () => {
      await use('ping', (connected) => connected.ping());
    },
    close: async () => {
      client.disconnect();
    },
  };
}
