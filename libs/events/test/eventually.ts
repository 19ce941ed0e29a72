import { setTimeout as delay } from 'node:timers/promises';

/** Waits until the check passes; its last failure is the answer when it never does. */
export async function eventually<T>(check: () => Promise<T> | T, timeoutMs = 20_000): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (failure) {
      if (performance.now() > until) throw failure;
      await delay(50);
    }
  }
}
