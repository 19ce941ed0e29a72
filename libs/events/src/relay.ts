import { setTimeout as delay } from 'node:timers/promises';
import type { Logger, Metrics } from '@flotilla/observability';
import { type OutboxStore, openOutbox } from './outbox-store.ts';
import type { Transport } from './transport.ts';
import { createWaker } from './waker.ts';

/** What a relay works with. */
export interface RelayOptions {
  /** The relay role's URL, straight to the server: it holds an advisory lock for as long as it is connected. */
  readonly url: string;
  readonly transport: Transport;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
  /** One holder for each slot; others stand by. */
  readonly slot?: string | undefined;
  /** At most so many rows in one batch. */
  readonly maxRows?: number | undefined;
  /** The least time between two batches: the first event goes out at once, those right behind it go together. */
  readonly gatherMs?: number | undefined;
  /** How often the outbox is looked at when nobody wakes the relay: what was written by hand waits so long at most. */
  readonly idleMs?: number | undefined;
  /** How often a standby tries to become the holder. */
  readonly standbyMs?: number | undefined;
  /** How long published events stay republishable. */
  readonly keepSentHours?: number | undefined;
  readonly now?: (() => Date) | undefined;
}

/** Carries committed events from the outbox to the broker. */
export interface Relay {
  start(): void;
  /** Ends after the batch in hand. What is left goes out after the next start. */
  stop(): Promise<void>;
  /** Something was committed in this process. */
  wake(): void;
  /** Whether this relay is the one that publishes. */
  isHolder(): boolean;
  /** How much waits, and for how long the oldest has. */
  lag(): Promise<{ readonly rows: number; readonly oldestMs: number }>;
}

/** From so many rows a second on batches are gathered for longer: each costs the broker and every consumer alike. */
const busyRows = 40;
const busyGatherMs = 100;
const maintenanceEveryMs = 10 * 60_000;

/**
 * Creates a relay: publishes rows of the outbox by `seq` and moves them to `outbox_sent` once every one is
 * acknowledged. Killed in between, it publishes them again; consumers tell by the event's id.
 */
export function createRelay(options: RelayOptions): Relay {
  const { transport, log, metrics, now = () => new Date() } = options;
  const { gatherMs = 25, idleMs = 1_000, standbyMs = 1_000, keepSentHours = 72, maxRows = 500 } = options;
  const published = metrics?.counter(
    'relay_published_total',
    'Rows of the outbox that were published and acknowledged.',
  );
  const stopping = new AbortController();
  const waker = createWaker(stopping.signal);
  const pace = createPace();
  let holder = false;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      try {
        await holdAndPublish(() => {
          failures = 0;
        });
      } catch (error) {
        failures += 1;
        log.warn({ err: error, failures }, 'the relay failed and starts again');
      }
      holder = false;
      await pause(Math.min(100 * 2 ** failures, 2_000));
    }
  }

  /** One connection, one holding: ends with the connection, or with an error. */
  async function holdAndPublish(onSuccess: () => void): Promise<void> {
    const outbox = await openOutbox(options.url, options.slot ?? 'default');
    try {
      while (!stopping.signal.aborted && !(await outbox.tryHold())) await standBy(outbox);
      await outbox.listen(waker.wake);
      holder = !stopping.signal.aborted;
      let maintainAt = 0;
      while (!stopping.signal.aborted) {
        if (now().getTime() >= maintainAt) {
          await outbox.maintain(now(), keepSentHours);
          maintainAt = now().getTime() + maintenanceEveryMs;
        }
        waker.reset();
        const lookedAt = performance.now();
        const batch = await outbox.next(maxRows);
        if (batch.rows.length > 0) {
          await transport.publish(batch.records);
          await outbox.moveToSent(batch.rows, now());
          published?.inc(batch.rows.length);
          const gather = pace.count(batch.rows.length) < busyRows ? gatherMs : Math.max(gatherMs, busyGatherMs);
          const restMs = lookedAt + gather - performance.now();
          if (restMs > 1 && !batch.isFull) await pause(restMs);
        } else {
          await waker.wait(idleMs);
        }
        onSuccess();
      }
    } finally {
      await outbox.close();
    }
  }

  /** Until it is time to try again. What this process commits meanwhile, the holder hears of. */
  async function standBy(outbox: OutboxStore): Promise<void> {
    const until = performance.now() + standbyMs;
    for (let leftMs = standbyMs; leftMs > 0 && !stopping.signal.aborted; leftMs = until - performance.now()) {
      if (!(await waker.wait(leftMs))) continue;
      waker.reset();
      await outbox.tell();
      await pause(gatherMs);
    }
  }

  const pause = (ms: number) => delay(ms, undefined, { signal: stopping.signal }).catch(() => {});

  return {
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
    wake: waker.wake,
    isHolder: () => holder,
    async lag() {
      const outbox = await openOutbox(options.url, options.slot ?? 'default');
      try {
        return await outbox.lag();
      } finally {
        await outbox.close();
      }
    },
  };
}

/** Counts what came in about the last second: older rows weigh less. */
function createPace() {
  let recent = 0;
  let countedAt = 0;
  return {
    count(rows: number): number {
      const at = performance.now();
      recent = recent * Math.exp((countedAt - at) / 1_000) + rows;
      countedAt = at;
      return recent;
    },
  };
}
