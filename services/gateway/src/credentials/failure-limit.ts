/** Counts failed credentials per client address. */
export interface FailureLimit {
  /** How long the address has to wait; 0 when it does not. */
  blockedForMs(address: string): Promise<number>;
  record(address: string): Promise<void>;
}

const windowMs = 60_000;
const maxAddresses = 100_000;

/** Counts within this process. */
export function createFailureLimit(perMinute: number, now: () => number = Date.now): FailureLimit {
  const windows = new Map<string, { readonly endsAt: number; failures: number }>();
  const current = (address: string) => {
    const window = windows.get(address);
    return window !== undefined && window.endsAt > now() ? window : undefined;
  };
  return {
    blockedForMs: async (address) => {
      const window = current(address);
      return window === undefined || window.failures < perMinute ? 0 : window.endsAt - now();
    },
    record: async (address) => {
      const window = current(address);
      if (window !== undefined) {
        window.failures += 1;
        return;
      }
      windows.delete(address);
      windows.set(address, { endsAt: now() + windowMs, failures: 1 });
      for (const oldest of windows.keys()) {
        if (windows.size <= maxAddresses) break;
        windows.delete(oldest);
      }
    },
  };
}
