import type { Limiter } from '@flotilla/redis';

/** Counts failed credentials per client address. */
export interface FailureLimit {
  /** How long the address has to wait; 0 when it does not. */
  blockedForMs(address: string): Promise<number>;
  record(address: string): Promise<void>;
}

/** Counts over all replicas. What the limiter does without Redis is the limiter's choice. */
export function createFailureLimit(limiter: Limiter): FailureLimit {
  return {
    blockedForMs: async (address) => (await limiter.peek(address)).retryAfterMs,
    record: async (address) => {
      await limiter.take(address);
    },
  };
}
