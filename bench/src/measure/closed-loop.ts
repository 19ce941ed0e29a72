import { percentile } from './statistics.ts';

/** What callers saw who each ask again as soon as they are answered. */
export interface Load {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly count: number;
  readonly failures: number;
  /** The first failure's message. */
  readonly failure?: string;
}

/** Asks with `concurrency` callers for `seconds`; what is under way then is waited for and counted. */
export async function closedLoop(
  { concurrency, seconds }: { readonly concurrency: number; readonly seconds: number },
  ask: (caller: number) => Promise<void>,
): Promise<Load> {
  const latencies: number[] = [];
  let failures = 0;
  let failure: string | undefined;
  const began = performance.now();
  const endsAt = began + seconds * 1000;
  const caller = async (_: unknown, index: number) => {
    for (let at = performance.now(); at < endsAt; at = performance.now()) {
      try {
        await ask(index);
        latencies.push(performance.now() - at);
      } catch (problem) {
        failures += 1;
        failure ??= problem instanceof Error ? problem.message : String(problem);
        if (failures > 1_000) return;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const elapsedS = (performance.now() - began) / 1000;
  return {
    perSecond: latencies.length / elapsedS,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    count: latencies.length,
    failures,
    ...(failure === undefined ? {} : { failure }),
  };
}
