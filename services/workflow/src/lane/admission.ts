import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import { admitQueued } from '../db/lane-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Meters } from '../metrics.ts';
import type { Lane } from './lane.ts';

/**
 * Takes runs that wait in the database into the lane when it has places: tenants take turns by their weight. The queue is rows,
 * so that it costs no memory and survives every process.
 */
export interface Admission {
  /** A run of the tenant was queued. */
  queued(tenantId: string): void;
  start(): void;
  stop(): Promise<void>;
}

/** Fewer free places are not worth a look at the queue while the lane is busy. */
const WORTHWHILE = 4;

export function createAdmission(needs: {
  readonly db: Database<Schema>;
  readonly lane: Lane;
  readonly leaseMs: number;
  /** How often the queue is looked at without a reason: runs may have been queued by another process. */
  readonly everyMs: number;
  readonly meters: Meters;
  readonly log: Logger;
}): Admission {
  const { db, lane, leaseMs, everyMs, meters, log } = needs;
  const { places, pace } = lane;
  let looking: Promise<void> | undefined;
  let again = false;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function look(): Promise<void> {
    for (;;) {
      const allowed = pace.allowed();
      const room = Math.min(places.room(), allowed - places.taken());
      if (stopped || room < Math.min(WORTHWHILE, Math.ceil(places.share / 4), Math.ceil(allowed / 2))) return;
      const wish = { places: room, share: places.share, leaseMs, busy: places.busy() };
      const admitted = await db.withoutTenant((tx) => admitQueued(tx, wish));
      meters.admitted(admitted.length);
      for (const run of admitted) lane.driveAdmitted(places.take(run.tenantId), run);
      if (admitted.length === 0) {
        // Whoever waits has its share already: the next place that gets free is the next occasion.
        if (places.busy().every(({ running }) => running < places.share)) places.nobodyWaits();
        return;
      }
    }
  }

  function wake(): void {
    again = true;
    looking ??= (async () => {
      while (again) {
        again = false;
        await look().catch((error: unknown) => log.warn({ err: error }, 'the queue of runs could not be looked at'));
      }
      looking = undefined;
    })();
  }

  return {
    queued(tenantId) {
      places.queued(tenantId);
      wake();
    },
    start() {
      if (places.free() === 0) return;
      places.onFree(() => places.someWait() && wake());
      timer = setInterval(wake, everyMs);
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      await looking;
    },
  };
}
