import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type AppError, eventDisposition, toAppError } from '@flotilla/errors';
import type { Logger, Metrics } from '@flotilla/observability';
import type { Application, ReadableRecord } from './application.ts';
import { fromHeaders } from './headers.ts';
import type { IncomingRecord, SubscriptionControl } from './transport.ts';

interface IntakeOptions {
  readonly application: Application;
  readonly options: {
    readonly db: { ping(): Promise<void> };
    readonly log: Logger;
    readonly metrics?: Metrics | undefined;
    readonly maxAttempts?: number | undefined;
  };
}

const briefAttempts = 3;

/** Works through records of one partition: applies, retries what may pass, parks what does not. */
export function createIntake({ application, options }: IntakeOptions) {
  const { db, log, metrics, maxAttempts = 8 } = options;
  const { group } = application;
  const consumed = metrics?.counter('events_consumed_total', 'Events by what became of them.', ['group', 'outcome']);
  const count = (outcome: string, by = 1) => consumed?.inc({ group, outcome }, by);

  /** False when it has to stop before the event is dealt with. */
  async function consume(record: IncomingRecord, control: SubscriptionControl): Promise<boolean> {
    const head = fromHeaders(record);
    if (head === undefined) return park(unreadableRecord(record), 'EVENT_UNREADABLE', control);
    if (!application.handles(head.type)) return true;
    const event = { head, record };
    for (let attempt = 1; !control.signal.aborted; ) {
      try {
        count(await application.apply(event, () => control.heartbeat()));
        return true;
      } catch (thrown) {
        const error = toAppError(thrown);
        if (await databaseIsGone(error)) {
          await waitFor(1_000, control);
          continue;
        }
        const disposition = eventDisposition(error.code);
        if (disposition === 'acknowledge') return persist(() => application.acknowledge(event), control);
        const attempts = disposition === 'retry' ? maxAttempts : disposition === 'retry_briefly' ? briefAttempts : 1;
        if (attempt >= attempts) {
          log.error(
            { err: thrown, group, event: head.id, type: head.type, aggregate: head.aggregateId },
            'an event is parked',
          );
          return park(event, error.reason, control);
        }
        log.warn(
          { err: thrown, group, event: head.id, type: head.type, attempt },
          'an event failed and is tried again',
        );
        await waitFor(Math.min(100 * 2 ** attempt, 5_000), control);
        attempt += 1;
      }
    }
    return false;
  }

  /** The records that are dealt with because nobody waits for them. A single one is better looked at by itself. */
  async function skim(
    records: readonly IncomingRecord[],
    control: SubscriptionControl,
  ): Promise<ReadonlySet<IncomingRecord>> {
    const settled = new Set<IncomingRecord>();
    if (!application.skims || records.length < 2) return settled;
    const events = readable(records).filter(({ head }) => application.handles(head.type));
    for (const ofTenant of Map.groupBy(events, ({ head }) => head.tenantId).values()) {
      if (control.signal.aborted) break;
      await control.heartbeat();
      try {
        const left = new Set(await application.skim(ofTenant));
        const skimmed = ofTenant.filter((event) => !left.has(event));
        for (const { record } of skimmed) settled.add(record);
        count('ignored', skimmed.length);
      } catch (error) {
        log.warn({ err: error, group, events: ofTenant.length }, 'events could not be sorted: they go one by one');
      }
    }
    return settled;
  }

  async function park(event: ReadableRecord, reason: string, control: SubscriptionControl): Promise<boolean> {
    count('parked');
    return persist(() => application.park(event, reason), control);
  }

  /** The records of one tenant in one transaction; where that fails, one by one, so that the others pass. */
  async function consumeBatch(records: readonly IncomingRecord[], control: SubscriptionControl): Promise<number> {
    const events = readable(records);
    const groups = [...Map.groupBy(events, ({ head }) => head.tenantId).values()];
    const failed = new Set(records);
    for (const event of events) failed.delete(event.record);
    for (const group of groups) {
      if (control.signal.aborted) return 0;
      await control.heartbeat();
      try {
        await application.applyBatch(group, () => control.heartbeat());
        count('new', group.length);
      } catch (error) {
        log.warn(
          { err: error, group: application.group, events: group.length },
          'a batch failed: its events go one by one',
        );
        for (const { record } of group) failed.add(record);
      }
    }
    for (const record of records.filter((candidate) => failed.has(candidate))) {
      await control.heartbeat();
      if (!(await consume(record, control))) return 0;
    }
    return records.length;
  }

  /** Tries until the database takes it: an event may be late but not lost. */
  async function persist(work: () => Promise<void>, control: SubscriptionControl): Promise<boolean> {
    while (!control.signal.aborted) {
      try {
        await work();
        return true;
      } catch (error) {
        log.error({ err: error, group }, 'an event could not be parked yet');
        await waitFor(1_000, control);
      }
    }
    return false;
  }

  async function databaseIsGone(error: AppError): Promise<boolean> {
    if (error.code !== 'unavailable' && error.code !== 'deadline_exceeded') return false;
    return db.ping().then(
      () => false,
      () => true,
    );
  }

  return {
    async handle(records: readonly IncomingRecord[], control: SubscriptionControl): Promise<number> {
      if (application.batches) return consumeBatch(records, control);
      const settled = await skim(records, control);
      let done = 0;
      for (const record of records) {
        if (control.signal.aborted) break;
        if (settled.has(record)) {
          done += 1;
          continue;
        }
        await control.heartbeat();
        if (!(await consume(record, control))) break;
        done += 1;
      }
      return done;
    },
  };
}

function readable(records: readonly IncomingRecord[]): ReadableRecord[] {
  return records.flatMap((record) => {
    const head = fromHeaders(record);
    return head === undefined ? [] : [{ head, record }];
  });
}

async function waitFor(ms: number, control: SubscriptionControl): Promise<void> {
  await delay(ms, undefined, { signal: control.signal }).catch(() => {});
  if (!control.signal.aborted) await control.heartbeat();
}

const noTenant = '00000000-0000-0000-0000-000000000000';

/** Something to park a record under that says nothing about itself: its place. */
function unreadableRecord(record: IncomingRecord): ReadableRecord {
  const { topic, partition, offset } = record;
  const hex = createHash('sha256').update(`${topic} ${partition} ${offset}`).digest('hex');
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  return {
    record,
    head: {
      id,
      type: 'unreadable',
      topic,
      tenantId: noTenant,
      aggregate: 'unreadable',
      aggregateId: id,
      eventSeq: undefined,
      occurredAt: new Date(0),
      actor: { type: 'system', id: '' },
      traceparent: undefined,
      causationDepth: 0,
    },
  };
}
