import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import type { TemporalClient } from '@flotilla/temporal';
import { markDriven } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';
import { CANCEL, RUN_INSTANCE, type RunReference } from '../temporal/contract.ts';
import { driverScope } from './perform.ts';

/** Starts and wakes drivers. What fails here is made good by the sweep: the journal has what is needed. */
export interface Drivers {
  /** Never rejects. */
  start(run: RunReference): Promise<void>;
  /** Never rejects. */
  cancel(instanceId: string): Promise<void>;
}

export function createDrivers(needs: {
  readonly db: Database<Schema>;
  readonly temporal: TemporalClient;
  readonly taskQueue: string;
  readonly now: () => Date;
  readonly log: Logger;
}): Drivers {
  const { db, temporal, taskQueue, now, log } = needs;
  return {
    async start(run) {
      try {
        await temporal.start({ type: RUN_INSTANCE, id: run.instanceId, taskQueue, args: [run] });
        await db.inTenant(driverScope(run.tenantId), (tx) => markDriven(tx, run.instanceId, now()));
      } catch (error) {
        log.warn({ err: error, instanceId: run.instanceId }, 'no driver could be started; the sweep will');
      }
    },
    async cancel(instanceId) {
      try {
        await temporal.signal(instanceId, CANCEL);
      } catch (error) {
        log.warn(
          { err: error, instanceId },
          'the driver could not be told; it finds the request after the step under way',
        );
      }
    },
  };
}
