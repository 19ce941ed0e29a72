import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import type { TemporalClient } from '@flotilla/temporal';
import { markDriven } from '../db/driver-repository.ts';
import type { Schema } from '../db/schema.ts';
import { CANCEL, RUN_INSTANCE, type RunReference } from '../temporal/contract.ts';
import { driverScope } from './perform.ts';

/** Starts and wakes drivers. What fails here is made good by the sweep: the journal has what is needed. */
export interface Drivers {
  /** Answers at once; whoever started the run need not wait for Temporal. */
  start(run: RunReference): void;
  cancel(instanceId: string): void;
  /** Waits for what is under way. */
  settle(): Promise<void>;
}

export function createDrivers(needs: {
  readonly db: Database<Schema>;
  readonly temporal: TemporalClient;
  readonly taskQueue: string;
  readonly now: () => Date;
  readonly log: Logger;
}): Drivers {
  const { db, temporal, taskQueue, now, log } = needs;
  const underWay = new Set<Promise<void>>();

  function inBackground(instanceId: string, warning: string, work: () => Promise<unknown>): void {
    const done: Promise<void> = work()
      .then(
        () => undefined,
        (error: unknown) => log.warn({ err: error, instanceId }, warning),
      )
      .finally(() => underWay.delete(done));
    underWay.add(done);
  }

  return {
    start(run) {
      const { instanceId, tenantId } = run;
      inBackground(instanceId, 'no driver could be started; the sweep will', async () => {
        await temporal.start({ type: RUN_INSTANCE, id: instanceId, taskQueue, args: [run] });
        await db.inTenant(driverScope(tenantId), (tx) => markDriven(tx, instanceId, now()));
      });
    },
    cancel(instanceId) {
      const warning = 'the driver could not be told; it finds the request after the step under way';
      inBackground(instanceId, warning, () => temporal.signal(instanceId, CANCEL));
    },
    async settle() {
      await Promise.all(underWay);
    },
  };
}
