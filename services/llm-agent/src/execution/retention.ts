import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import { forgetFiles } from '../db/input-file-repository.ts';
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
const forgottenAtOnce = 10_000;
const dayMs = 86_400_000;
/** Months are dropped whole: what a month's last day has is kept until its first day is old enough, and longer. */
const longestMonthDays = 31;

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
    await forgetOldFiles();
    const purge = { now: now(), keepDays: options.purgeAfterDays, limit: purgedAtOnce };
    for (let purged = purgedAtOnce; purged === purgedAtOnce && !stopped; ) {
      purged = await db.withoutTenant((tx) => purgeConversations(tx, purge));
      if (purged > 0) log.info({ purged }, 'removed conversations were purged');
    }
  }

  /** Files stay for as long as an execution or a message may name them. */
  async function forgetOldFiles(): Promise<void> {
    const keptDays = Math.max(options.keepExecutionsDays, options.keepMessagesDays) + longestMonthDays;
    const before = new Date(now().getTime() - keptDays * dayMs);
    const forgotten = await db.withoutTenant((tx) => forgetFiles(tx, before, forgottenAtOnce));
    if (forgotten > 0) log.info({ forgotten }, 'files that nobody has any more were forgotten');
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
