import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@flotilla/observability';

/** Something that is looked after again and again, because whoever should have done it may have died. */
export interface Duty {
  readonly name: string;
  look(): Promise<void>;
}

/** Makes good what processes left undone. Every replica sweeps; doing it twice does no harm. */
export interface Sweep {
  start(): void;
  stop(): Promise<void>;
}

export function createSweep(needs: {
  readonly duties: readonly Duty[];
  readonly everyMs: number;
  readonly log: Logger;
}): Sweep {
  const { duties, everyMs, log } = needs;
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await delay(everyMs, undefined, { signal: stopping.signal }).catch(() => {});
      for (const duty of duties) {
        if (stopping.signal.aborted) return;
        try {
          await duty.look();
        } catch (error) {
          log.warn({ err: error, duty: duty.name }, 'the sweep failed and tries again');
        }
      }
    }
  }

  return {
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
