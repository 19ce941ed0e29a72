import { setTimeout as pause } from 'node:timers/promises';

/**
 * Waits until `attempt` neither throws nor answers `false`, and answers what it answered. Fails with the last failure.
 *
 * @example
 * await eventually(async () => expect(await inbox()).toHaveLength(1));
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  { timeoutMs = 10_000, intervalMs = 25 }: { timeoutMs?: number; intervalMs?: number } = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    let failure: unknown = new Error(`The condition did not come true within ${timeoutMs} ms.`);
    try {
      const answer = await attempt();
      if (answer !== false) return answer;
    } catch (error) {
      failure = error;
    }
    if (Date.now() >= deadline) throw failure;
    await pause(intervalMs);
  }
}
