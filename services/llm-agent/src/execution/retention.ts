import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import { maintainExecutions } from '../db/retention-repository.ts';
import type { Schema } from '../db/schema.ts';

export interface RetentionOptions {
  readonly db: Database<Schema>;
  /** How long executions and their ledger are kept; whole months are dropped. */
  readonly keepDays: number;
  readonly log: Logger;
  readonly now: () => Date;
}

const everyMs = 3_600_000;

/** Keeps months made ahead and drops old ones. Every replica does; the database lets one at a time. */
export function createRetention({ db, keepDays, log, now }: RetentionOptions): {
  start(): Promise<void>;
  stop(): Promise<void>;
} {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;

  async function maintain(): Promise<void> {
    try {
      const dropped = await db.withoutTenant((tx) => maintainExecutions(tx, { now: now(), keepDays }));
      if (dropped.length > 0) log.info({ dropped }, 'months of executions were dropped');
    } catch (error) {
      // Months are made for a quarter ahead: the next hour is soon enough.
      log.warn({ err: error }, 'the months of executions could not be maintained');
    }
    if (!stopped) {
      timer = setTimeout(() => {
        running = maintain();
      }, everyMs);
    }
  }

  return {
    start() {
      running = maintain();
      return running;
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
