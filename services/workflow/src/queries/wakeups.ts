/** Tells those who follow a run in this process that its journal may have grown. Others look for themselves. */
export interface Wakeups {
  wake(instanceId: string): void;
  /** Asked for before looking, so that what happens in between is not missed. */
  next(instanceId: string): { within(ms: number, signal: AbortSignal): Promise<void>; forget(): void };
}

export function createWakeups(): Wakeups {
  const waiting = new Map<string, Set<() => void>>();
  return {
    wake(instanceId) {
      for (const resolve of waiting.get(instanceId) ?? []) resolve();
      waiting.delete(instanceId);
    },
    next(instanceId) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const known = waiting.get(instanceId) ?? new Set();
      waiting.set(instanceId, known.add(resolve));
      const forget = (): void => {
        known.delete(resolve);
        if (known.size === 0 && waiting.get(instanceId) === known) waiting.delete(instanceId);
      };
      return {
        forget,
        async within(ms, signal) {
          const timer = setTimeout(resolve, ms);
          const abort = (): void => resolve();
          signal.addEventListener('abort', abort, { once: true });
          await promise;
          clearTimeout(timer);
          signal.removeEventListener('abort', abort);
          forget();
        },
      };
    },
  };
}
