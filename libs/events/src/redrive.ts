import { setTimeout as delay } from 'node:timers/promises';
import { toAppError } from '@flotilla/errors';
import type { Logger, Metrics } from '@flotilla/observability';
import type { Database, TransactionScope } from '@flotilla/postgres';
import type { Application } from './application.ts';
import {
  countAttempt,
  firstParked,
  type ParkedAggregate,
  type ParkedEvent,
  parkedAggregates,
} from './consumer-store.ts';
import { unreadable } from './event-handlers.ts';
import { fromHeaders } from './headers.ts';
import type { Transport } from './transport.ts';

interface RedriveOptions<S> {
  readonly application: Application;
  readonly topics: readonly string[];
  readonly options: {
    readonly db: Database<S>;
    readonly transport: Transport;
    readonly log: Logger;
    readonly metrics?: Metrics | undefined;
    readonly redriveEveryMs?: number | undefined;
  };
}

// Then only an operator's redrive tries again.
const automaticAttempts = 10;

/** Tries parked events again: those that waited for something pass by themselves, the others on an operator's word. */
export function createRedrive<S>({ application, topics, options }: RedriveOptions<S>) {
  const { db, transport, log, metrics, redriveEveryMs = 30_000 } = options;
  const { group } = application;
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  const parkedGauge = metrics?.gauge('events_parked_aggregates', 'Aggregates whose events wait for a redrive.', [
    'group',
  ]);
  const lagGauge = metrics?.gauge('events_lag_records', 'Records that a consumer has not dealt with.', ['group']);

  /** Applies the events of one aggregate until one fails. */
  async function redriveAggregate(parked: ParkedAggregate): Promise<number> {
    const scope: TransactionScope = { tenantId: parked.tenantId, actor: { type: 'service', id: group } };
    for (let applied = 0; ; applied++) {
      const first = await db.inTenant(scope, (tx) => firstParked(tx, group, parked));
      if (first === undefined || stopping.signal.aborted) return applied;
      try {
        await applyParked(parked, first);
      } catch (error) {
        const { reason } = toAppError(error);
        log.warn({ err: error, group, aggregate: parked.aggregateId, reason }, 'a parked event failed again');
        await db.inTenant(scope, (tx) => countAttempt(tx, first.seq, reason));
        return applied;
      }
    }
  }

  async function applyParked(parked: ParkedAggregate, { seq, record }: ParkedEvent): Promise<void> {
    const head = fromHeaders(record);
    if (head === undefined) throw unreadable(new Error('the record has no headers of an event'));
    await application.applyParked(parked, seq, { head, record });
  }

  async function redriveAll(aggregates: readonly ParkedAggregate[]): Promise<number> {
    let applied = 0;
    for (const parked of aggregates) {
      if (stopping.signal.aborted) break;
      applied += await redriveAggregate(parked);
    }
    return applied;
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await delay(redriveEveryMs, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
      if (stopping.signal.aborted) return;
      try {
        const aggregates = await parkedAggregates(db, group);
        parkedGauge?.set({ group }, aggregates.length);
        await redriveAll(aggregates.filter(({ attempts }) => attempts < automaticAttempts));
        if (lagGauge) lagGauge.set({ group }, Number((await transport.lag(group, topics)).records));
      } catch (error) {
        log.warn({ err: error, group }, 'the redrive failed');
      }
    }
  }

  return {
    start() {
      if (redriveEveryMs > 0) running ??= run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
    async redrive({ aggregateId, tenantId }: { readonly aggregateId?: string; readonly tenantId?: string } = {}) {
      const aggregates = await parkedAggregates(db, group);
      return redriveAll(
        aggregates.filter(
          (parked) =>
            (aggregateId === undefined || parked.aggregateId === aggregateId) &&
            (tenantId === undefined || parked.tenantId === tenantId),
        ),
      );
    },
  };
}
