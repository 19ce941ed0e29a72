import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import { forgetRuns } from '../db/driver-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Duty } from './sweep.ts';

const BATCH = 200;
const EVERY_MS = 3_600_000;

/** Takes away what is kept of runs that were settled long ago, a batch in a transaction. */
export function forgetOldRuns(needs: {
  readonly db: Database<Schema>;
  readonly keepDays: number;
  readonly now: () => Date;
  readonly log: Logger;
}): Duty {
  const { db, keepDays, now, log } = needs;
  let lookedAt = Number.NEGATIVE_INFINITY;
  return {
    name: 'old runs',
    async look() {
      const at = now();
      if (at.getTime() - lookedAt < EVERY_MS) return;
      for (let forgotten = BATCH; forgotten > 0; ) {
        forgotten = await db.withoutTenant((tx) => forgetRuns(tx, { now: at, keepDays, limit: BATCH }));
        if (forgotten > 0) log.info({ forgotten }, 'old runs were forgotten');
      }
      lookedAt = at.getTime();
    },
  };
}
