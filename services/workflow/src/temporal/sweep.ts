import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@flotilla/observability';
import { type Database, sql, type Tx } from '@flotilla/postgres';
import type { Drivers } from '../commands/drivers.ts';
import { findUndriven } from '../db/instance-repository.ts';
import type { Schema } from '../db/schema.ts';

const LOCK = 4_021_967_101;
const BATCH = 100;

/** Finds runs whose driver was never started, because a process died after the commit or Temporal was away, and starts it. */
export interface Sweep {
  start(): void;
  stop(): Promise<void>;
}

export function createSweep(needs: {
  readonly db: Database<Schema>;
  readonly drivers: Drivers;
  readonly everyMs: number;
  readonly log: Logger;
}): Sweep {
  const { db, drivers, everyMs, log } = needs;
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await delay(everyMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;
      try {
        const found = await db.withoutTenant((tx) => findAsLeader(tx, everyMs));
        for (const { tenantId, instanceId, epoch } of found) drivers.start({ tenantId, instanceId, epoch });
        await drivers.settle();
      } catch (error) {
        log.warn({ err: error }, 'the sweep failed and tries again');
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

/** Of all replicas one looks at a time. Starting twice would do no harm; looking twice would be a waste. */
async function findAsLeader(tx: Tx<Schema>, olderThanMs: number) {
  const { rows } = await sql<{ leads: boolean }>`select pg_try_advisory_xact_lock(${LOCK}) as leads`.execute(tx);
  return rows[0]?.leads === true ? findUndriven(tx, olderThanMs, BATCH) : [];
}
