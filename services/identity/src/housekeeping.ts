import type { Logger } from '@flotilla/observability';
import { type Database, sql } from '@flotilla/postgres';
import type { Component } from '@flotilla/service';
import type { Schema } from './db/schema.ts';

const everyMs = 60 * 60_000;
const batch = 1_000;
const dayMs = 86_400_000;

/** Forgets sessions that ended a week ago and actions that were recorded a week ago: by then both are in the audit log. */
export function createHousekeeping(db: Database<Schema>, log: Logger, now: () => Date): Component {
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> = Promise.resolve();

  async function sweep(): Promise<void> {
    const before = new Date(now().getTime() - 7 * dayMs);
    for (const forget of [
      sql`select forget_ended_sessions(${before}, ${batch}) as gone`,
      sql`select forget_recorded_actions(${before}, ${batch}) as gone`,
    ]) {
      let gone = batch;
      while (gone >= batch && timer !== undefined) {
        const { rows } = await db.withoutTenant((tx) => forget.execute(tx));
        gone = (rows[0] as { gone: number } | undefined)?.gone ?? 0;
      }
    }
  }

  return {
    name: 'housekeeping',
    phase: 'work',
    start() {
      timer = setInterval(() => {
        sweeping = sweep().catch((error: unknown) => log.warn({ err: error }, 'housekeeping failed'));
      }, everyMs).unref();
    },
    async stop() {
      clearInterval(timer);
      timer = undefined;
      await sweeping;
    },
  };
}
