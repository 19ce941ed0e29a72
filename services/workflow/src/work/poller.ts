import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '@flotilla/observability';

/** What is done again and again in the background. */
export interface PollerOptions {
  readonly name: string;
  /** Does what is due and answers how much it was; after more than nothing it is asked again at once. */
  readonly work: () => Promise<number>;
  /** How often it looks when nobody wakes it. */
  readonly everyMs: number;
  readonly log: Logger;
}

/** Looks for due work until it is stopped. Any number of processes may run one: the work takes leases. */
export interface Poller {
  start(): void;
  /** Finishes what is in hand. */
  stop(): Promise<void>;
  /** Something may be due. */
  wake(): void;
}

export function createPoller({ name, work, everyMs, log }: PollerOptions): Poller {
  let running: Promise<void> | undefined;
  let stopping = false;
  let woken = Promise.withResolvers<void>();

  async function run(): Promise<void> {
    while (!stopping) {
      const done = await work().catch((error: unknown) => {
        log.warn({ err: error, poller: name }, 'background work failed and is tried again');
        return 0;
      });
      if (done === 0 && !stopping) await idle();
    }
  }

  async function idle(): Promise<void> {
    const waiting = new AbortController();
    // Rejects only by the abort below, when somebody woke us first.
    await Promise.race([woken.promise, pause(everyMs, undefined, { signal: waiting.signal }).catch(() => undefined)]);
    waiting.abort();
    woken = Promise.withResolvers<void>();
  }

  return {
    start() {
      running ??= run();
    },
    async stop() {
      stopping = true;
      woken.resolve();
      await running;
    },
    wake: () => woken.resolve(),
  };
}
