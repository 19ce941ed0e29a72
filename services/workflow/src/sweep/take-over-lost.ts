import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import type { TemporalClient } from '@flotilla/temporal';
import type { Drivers } from '../commands/drivers.ts';
import { driverScope } from '../commands/perform.ts';
import { findSilent, markSeen, takeOver, type UnderDriver } from '../db/driver-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Meters } from '../metrics.ts';
import type { Duty } from './sweep.ts';

const BATCH = 50;

/**
 * A run whose Temporal workflow is no more (terminated, its history deleted, the namespace wiped) would wait for ever: its
 * journal says that somebody drives it. Where nothing was heard of a driver for a while, Temporal is asked, and the run is
 * taken over by a new driver, whose epoch the old one's writes lose against.
 */
export function takeOverLost(needs: {
  readonly db: Database<Schema>;
  readonly temporal: Pick<TemporalClient, 'isRunning'>;
  readonly drivers: Drivers;
  readonly silentForMs: number;
  readonly meters: Meters;
  readonly log: Logger;
}): Duty {
  const { db, temporal, drivers, silentForMs, meters, log } = needs;

  async function lookAt(run: UnderDriver): Promise<void> {
    const { tenantId, instanceId } = run;
    const lives = await temporal.isRunning(instanceId);
    const epoch = await db.inTenant(driverScope(tenantId), (tx) => (lives ? markSeen(tx, run) : takeOver(tx, run)));
    if (epoch === undefined) return;
    log.warn({ instanceId, epoch }, 'the workflow of a run is lost; another driver takes over');
    meters.takenOver('lost');
    drivers.start({ tenantId, instanceId, epoch });
  }

  return {
    name: 'lost drivers',
    async look() {
      await Promise.all((await db.withoutTenant((tx) => findSilent(tx, silentForMs, BATCH))).map(lookAt));
    },
  };
}
