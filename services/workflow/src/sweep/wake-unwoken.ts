import type { Database } from '@flotilla/postgres';
import type { Drivers } from '../commands/drivers.ts';
import { findUnwoken } from '../db/driver-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Duty } from './sweep.ts';

const BATCH = 100;

/** Finds runs that a command moved, whose driver was not told because a process died after the commit or Temporal was away. */
export function wakeUnwoken(needs: {
  readonly db: Database<Schema>;
  readonly drivers: Drivers;
  readonly olderThanMs: number;
}): Duty {
  const { db, drivers, olderThanMs } = needs;
  return {
    name: 'unwoken runs',
    async look() {
      const found = await db.withoutTenant((tx) => findUnwoken(tx, olderThanMs, BATCH));
      for (const run of found) drivers.wake(run);
      await drivers.settle();
    },
  };
}
