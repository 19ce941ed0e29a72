import type { Redis } from './connection.ts';

/** What a limiter is made with. */
export interface LimiterOptions {
  /** Part of every key, so that limiters do not meet. */
  readonly name: string;
  /** So many in a window, spread evenly over it. */
  readonly limit: number;
  readonly windowMs: number;
  /** How many may come at once; the whole limit unless said. */
  readonly burst?: number;
  /** What is said while Redis is away: `allow` for comfort limits, `refuse` where the limit is a protection. */
  readonly onFailure: 'allow' | 'refuse';
}

/** A limiter's answer. */
export interface LimitVerdict {
  readonly allowed: boolean;
  /** How many more may come at once now. */
  readonly remaining: number;
  /** 0 when allowed. */
  readonly retryAfterMs: number;
}

/** Counts over all processes that share the Redis. */
export interface Limiter {
  take(key: string, cost?: number): Promise<LimitVerdict>;
  /** The verdict that `take` would give, without taking. */
  peek(key: string): Promise<LimitVerdict>;
}

/**
 * The generic cell rate algorithm, one value a key: the time at which the bucket will be empty again. By Redis' clock,
 * so that processes with different clocks agree.
 */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local interval, burst, cost, peek = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local empty_at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or now))
local next_empty_at = empty_at + interval * cost
local wait = next_empty_at - burst * interval - now
if wait > 0 then
  return { 0, math.floor((burst * interval - (empty_at - now)) / interval), math.ceil(wait) }
end
if peek then
  return { 1, math.floor((burst * interval - (empty_at - now)) / interval), 0 }
end
redis.call('SET', KEYS[1], string.format('%.3f', next_empty_at), 'PX', math.ceil(next_empty_at - now) + 1)
return { 1, math.floor((burst * interval - (next_empty_at - now)) / interval), 0 }
`;

/** Creates a named limiter. */
export function createLimiter(redis: Redis, options: LimiterOptions): Limiter {
  const { name, limit, windowMs, burst = limit, onFailure } = options;
  const intervalMs = windowMs / limit;

  async function ask(key: string, cost: number, peek: boolean): Promise<LimitVerdict> {
    try {
      const [allowed, remaining, retryAfterMs] = (await redis.use(`limit ${name}`, (client) =>
        client.eval(script, 1, `limit:${name}:${key}`, intervalMs, burst, cost, peek ? '1' : '0'),
      )) as [number, number, number];
      return { allowed: allowed === 1, remaining: Math.max(remaining, 0), retryAfterMs };
    } catch {
      return onFailure === 'allow'
        ? { allowed: true, remaining: burst, retryAfterMs: 0 }
        : { allowed: false, remaining: 0, retryAfterMs: Math.ceil(intervalMs) };
    }
  }

  return { take: (key, cost = 1) => ask(key, cost, false), peek: (key) => ask(key, 1, true) };
}
