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
  /** Whether drivers begin in this process at once: the one that was started last did. */
  startHere(): boolean;
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
  /** When the sweep starts drivers that nobody is known to have started. */
  readonly sweptAfterMs: number;
  readonly log: Logger;
}): Drivers {
  const { db, temporal, taskQueue, weightOf, now, sweptAfterMs, log } = needs;
  const underWay = new Set<Promise<void>>();
  let here = false;
  const started = createStarted({ db, now, log, afterMs: Math.min(1_000, sweptAfterMs / 2) });

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
      const started = await temporal.start({ type: DRIVE_INSTANCE, id, taskQueue, args: [run], eager: true, ...how });
      if (started !== undefined && !how.afterMs) here = started.eagerly;
      if (started !== undefined || epoch === 1) return;
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
        started.add(run);
      });
    },
    startHere: () => here,
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
      await started.mark();
    },
  };
}

/** Marks runs whose drivers were started: all of a tenant at once, and those that are through by then not at all. */
function createStarted(needs: {
  readonly db: Database<Schema>;
  readonly now: () => Date;
  readonly log: Logger;
  readonly afterMs: number;
}): { add(run: RunReference): void; mark(): Promise<void> } {
  const { db, now, log, afterMs } = needs;
  const runs: RunReference[] = [];
  let timer: NodeJS.Timeout | undefined;

  async function mark(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    for (const [tenantId, ofTenant = []] of Object.entries(Object.groupBy(runs.splice(0), (run) => run.tenantId))) {
      await db
        .inTenant(driverScope(tenantId), (tx) => markDriven(tx, ofTenant, now()))
        .catch((error: unknown) =>
          log.warn({ err: error }, 'drivers are not known to be started; the sweep starts them again'),
        );
    }
  }

  return {
    mark,
    add(run) {
      runs.push(run);
      timer ??= setTimeout(() => void mark(), afterMs);
    },
  };
}
