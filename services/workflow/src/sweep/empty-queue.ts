import type { Database } from '@flotilla/postgres';
import { admitQueued } from '../db/lane-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Duty } from './sweep.ts';

const BATCH = 50;

/** For a process without a lane: runs that others left in the queue get a lease that has run out already, and so to Temporal. */
export function emptyQueue(needs: { readonly db: Database<Schema> }): Duty {
  return {
    name: 'queued runs',
    async look() {
      await needs.db.withoutTenant((tx) => admitQueued(tx, { places: BATCH, share: BATCH, leaseMs: 0, busy: [] }));
    },
  };
}
