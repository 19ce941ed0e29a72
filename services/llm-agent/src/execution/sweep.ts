import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import { endLostExecution } from '../commands/end-lost-execution.ts';
import { findLostExecutions } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { forgetNews } from '../db/update-repository.ts';
import { rollUpUsage } from '../db/usage-repository.ts';
import type { Meters } from '../metrics.ts';
import type { Announcer } from './announcer.ts';

export interface SweepOptions {
  readonly db: Database<Schema>;
  readonly everyMs: number;
  /** How long the news of executions are kept. */
  readonly keepNewsMs: number;
  readonly meters: Meters;
  readonly log: Logger;
  readonly announcer: Announcer;
  readonly now: () => Date;
}

/** In one transaction. */
const rollUpLines = 5_000;

/**
 * Ends executions whose process died, adds up the ledger and forgets old news. Every replica sweeps: the row's lock decides who ends what,
 * so there is no leader whose death would have to be noticed.
 */
export function createSweep(options: SweepOptions): { start(): void; stop(): Promise<void> } {
  const { db, everyMs, keepNewsMs, meters, log, announcer } = options;
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> = Promise.resolve();
  let stopped = false;

  function schedule(): void {
    // Replicas started at the same time do not stay in step.
    timer = setTimeout(
      () => {
        sweeping = sweep()
          .catch((error: unknown) => log.warn({ err: error }, 'the sweep failed; the next one tries again'))
          .finally(() => {
            if (!stopped) schedule();
          });
      },
      everyMs * (0.8 + 0.4 * Math.random()),
    );
  }

  async function sweep(): Promise<void> {
    const lost = await db.withoutTenant((tx) => findLostExecutions(tx, 100));
    for (const { id, tenantId } of lost) {
      const scope = { tenantId, actor: { type: 'system', id: 'llm-agent' } };
      const ended = await db.inTenant(scope, (tx) => endLostExecution(options, tx, id));
      if (ended) {
        await announcer.warn(scope, ended.due);
        meters.swept.inc();
        log.warn({ executionId: id }, 'an execution was lost with its process');
      }
    }
    let rolledUp: number;
    do rolledUp = await db.withoutTenant((tx) => rollUpUsage(tx, rollUpLines));
    while (rolledUp === rollUpLines && !stopped);
    await db.withoutTenant((tx) => forgetNews(tx, { keepMs: keepNewsMs, limit: 5_000 }));
  }

  return {
    start: schedule,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await sweeping;
    },
  };
}
