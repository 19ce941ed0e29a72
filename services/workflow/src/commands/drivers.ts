import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import type { TemporalClient } from '@flotilla/temporal';
import { clearWake, markDriven } from '../db/driver-repository.ts';
import type { Schema } from '../db/schema.ts';
import { CANCEL, DRIVE_INSTANCE, type RunReference, WAKE } from '../temporal/contract.ts';
import { driverScope } from './perform.ts';

/** Starts and wakes drivers. What fails here is made good by the sweep: the journal has what is needed. */
export interface Drivers {
  /** Answers at once; whoever started the run need not wait for Temporal. */
  start(run: RunReference, afterMs?: number): void;
  cancel(instanceId: string): void;
  /** A command has moved the run: its driver shall ask what is next. */
  wake(run: Pick<RunReference, 'tenantId' | 'instanceId'>): void;
  /** Waits for what is under way. */
  settle(): Promise<void>;
}

/** How often, and how long between, it is looked whether the driver of an earlier epoch has gone. */
const PATIENCE = 20;
const PATIENCE_MS = 250;

type StartOptions = Pick<Parameters<TemporalClient['start']>[0], 'afterMs' | 'fairness'>;

const notTold = 'the driver could not be told; the sweep tells it';

export function createDrivers(needs: {
  readonly db: Database<Schema>;
  readonly temporal: TemporalClient;
  readonly taskQueue: string;
  readonly weightOf: (tenantId: string) => number;
  readonly now: () => Date;
  readonly log: Logger;
}): Drivers {
  const { db, temporal, taskQueue, weightOf, now, log } = needs;
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

  /** The driver of an earlier epoch may not have gone yet: woken, it finds that it is a stale one, and ends. */
  async function begin(run: RunReference, how: StartOptions): Promise<void> {
    const { instanceId: id, epoch } = run;
    for (let attempt = 1; attempt <= PATIENCE; attempt += 1) {
      if ((await temporal.start({ type: DRIVE_INSTANCE, id, taskQueue, args: [run], ...how })) || epoch === 1) return;
      await temporal.signal(id, WAKE);
      await delay(PATIENCE_MS);
    }
    // Still there, it is no stale one: this run's driver has been started before.
  }

  return {
    start({ tenantId, instanceId, epoch }, afterMs = 0) {
      const run: RunReference = { tenantId, instanceId, epoch };
      const fairness = { key: tenantId, weight: weightOf(tenantId) };
      inBackground(instanceId, 'no driver could be started; the sweep will', async () => {
        await begin(run, { afterMs, fairness });
        await db.inTenant(driverScope(tenantId), (tx) => markDriven(tx, instanceId, now()));
      });
    },
    cancel(instanceId) {
      inBackground(instanceId, notTold, () => temporal.signal(instanceId, CANCEL));
    },
    wake({ tenantId, instanceId }) {
      inBackground(instanceId, notTold, async () => {
        if (await temporal.signal(instanceId, WAKE)) return;
        await db.inTenant(driverScope(tenantId), (tx) => clearWake(tx, instanceId)); // nobody drives any more
      });
    },
    async settle() {
      await Promise.all(underWay);
    },
  };
}
