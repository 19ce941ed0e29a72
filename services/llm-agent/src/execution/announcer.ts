import type { Logger } from '@flotilla/observability';
import type { Database, TransactionScope } from '@flotilla/postgres';
import { noteExceeded } from '../commands/note-exceeded.ts';
import { noteWarning } from '../commands/note-warning.ts';
import type { Schema } from '../db/schema.ts';
import { CallRefused } from '../domain/budget.ts';

/**
 * Tells how budgets stand, after the transaction that found out: that one holds the budget's period for no moment longer,
 * and a refused one is rolled back. What cannot be told now is told by the next call that finds out.
 */
export interface Announcer {
  warn(scope: TransactionScope, due: Promise<readonly string[]>): Promise<void>;
  /** Answers the error, so that it can be thrown. */
  refused(scope: TransactionScope, error: unknown): Promise<unknown>;
}

export function createAnnouncer(options: {
  readonly db: Database<Schema>;
  readonly log: Logger;
  readonly now: () => Date;
}): Announcer {
  const { db, log } = options;
  const attempt = (telling: () => Promise<void>) =>
    telling().catch((error: unknown) => log.warn({ err: error }, 'how a budget stands could not be told'));
  return {
    async warn(scope, due) {
      for (const periodId of await due) {
        await attempt(() => db.inTenant(scope, (tx) => noteWarning(options, tx, periodId)));
      }
    },
    async refused(scope, error) {
      if (!(error instanceof CallRefused)) return error;
      const { refusal } = error;
      if (refusal.reason === 'BUDGET_EXCEEDED' && !refusal.announced) {
        await attempt(() => db.inTenant(scope, (tx) => noteExceeded(options, tx, refusal)));
      }
      return error;
    },
  };
}
