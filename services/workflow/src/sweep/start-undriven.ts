import { type Database, sql, type Tx } from '@flotilla/postgres';
import type { Drivers } from '../commands/drivers.ts';
import { findUndriven } from '../db/driver-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Duty } from './sweep.ts';

const LOCK = 4_021_967_101;
const BATCH = 100;

/** Finds runs whose driver was never started, because a process died after the commit or Temporal was away, and starts it. */
export function startUndriven(needs: {
  readonly db: Database<Schema>;
  readonly drivers: Drivers;
  readonly olderThanMs: number;
}): Duty {
  const { db, drivers, olderThanMs } = needs;
  return {
    name: 'undriven runs',
    async look() {
      const found = await db.withoutTenant((tx) => findAsLeader(tx, olderThanMs));
      for (const { tenantId, instanceId, epoch } of found) drivers.start({ tenantId, instanceId, epoch });
      await drivers.settle();
    },
  };
}

/** Of all replicas one looks at a time. Starting twice would do no harm; looking twice would be a waste. */
async function findAsLeader(tx: Tx<Schema>, olderThanMs: number) {
  const { rows } = await sql<{ leads: boolean }>`select pg_try_advisory_xact_lock(${LOCK}) as leads`.execute(tx);
  return rows[0]?.leads === true ? findUndriven(tx, olderThanMs, BATCH) : [];
}
