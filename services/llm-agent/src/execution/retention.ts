import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import { forgetWaiting, maintainExecutions, maintainMessages, purgeConversations } from '../db/retention-repository.ts';
import type { Schema } from '../db/schema.ts';

export interface RetentionOptions {
  readonly db: Database<Schema>;
  /** Executions with their ledger, and messages: whole months are dropped. */
  readonly keepExecutionsDays: number;
  readonly keepMessagesDays: number;
  /** From the removal of a conversation to the loss of its texts. */
  readonly purgeAfterDays: number;
  readonly log: Logger;
  readonly now: () => Date;
}

const everyMs = 3_600_000;
const purgedAtOnce = 100;

/** Keeps months made ahead, drops old ones, purges what was removed. Every replica does; the database lets one at a time. */
export function createRetention(options: RetentionOptions): { start(): Promise<void>; stop(): Promise<void> } {
  const { db, log, now } = options;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;

  async function maintain(): Promise<void> {
    const executions = { now: now(), keepDays: options.keepExecutionsDays };
    const messages = { now: now(), keepDays: options.keepMessagesDays };
    const dropped = [
      ...(await db.withoutTenant((tx) => maintainExecutions(tx, executions))),
      ...(await db.withoutTenant((tx) => maintainMessages(tx, messages))),
    ];
    if (dropped.length > 0) log.info({ dropped }, 'old months were dropped');
    await db.withoutTenant((tx) => forgetWaiting(tx, now()));
    const purge = { now: now(), keepDays: options.purgeAfterDays, limit: purgedAtOnce };
    for (let purged = purgedAtOnce; purged === purgedAtOnce && !stopped; ) {
      purged = await db.withoutTenant((tx) => purgeConversations(tx, purge));
      if (purged > 0) log.info({ purged }, 'removed conversations were purged');
    }
  }

  function run(): void {
    running = maintain()
      // Months are made for a quarter ahead: the next hour is soon enough.
      .catch((error: unknown) => log.warn({ err: error }, 'what is kept could not be maintained'))
      .finally(() => {
        if (!stopped) timer = setTimeout(run, everyMs);
      });
  }

  return {
    start() {
      run();
      return running;
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
