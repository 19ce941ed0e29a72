import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import type { Drivers } from '../commands/drivers.ts';
import { expireLeases } from '../db/lane-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Meters } from '../metrics.ts';
import type { Duty } from './sweep.ts';

const BATCH = 100;

/** Gives runs to Temporal whose lane let its lease run out: its process died, or stands still. */
export function takeOverExpired(needs: {
  readonly db: Database<Schema>;
  readonly drivers: Drivers;
  readonly meters: Meters;
  readonly log: Logger;
}): Duty {
  const { db, drivers, meters, log } = needs;
  return {
    name: 'expired leases',
    async look() {
      const expired = await db.withoutTenant((tx) => expireLeases(tx, BATCH));
      for (const run of expired) {
        log.warn({ instanceId: run.instanceId, epoch: run.epoch }, 'the lane of a run is lost; Temporal takes over');
        meters.takenOver('lease');
        drivers.start(run);
      }
    },
  };
}
