import { AppError } from '@flotilla/errors';
import { currentTraceparent, markTrace, withTraceparent } from '@flotilla/observability';
import type { Database, ReadTx, TransactionScope, Tx } from '@flotilla/postgres';
import {
  type Claim,
  claimBatch,
  claimEvent,
  firstParked,
  type ParkedAggregate,
  parkEvent,
  unpark,
} from './consumer-store.ts';
import type { DomainEvent, EventHead } from './domain-event.ts';
import { decodeEvent, type EventHandlers } from './event-handlers.ts';
import type { IncomingRecord } from './transport.ts';

interface ApplicationOptions<S> {
  readonly db: Database<S>;
  readonly group: string;
  readonly on: EventHandlers<S>;
  readonly batch?: ((tx: Tx<S>, events: readonly DomainEvent[]) => Promise<void>) | undefined;
  readonly ordered: boolean;
  readonly concerns?: ((tx: ReadTx<S>, types: readonly string[]) => Promise<ReadonlySet<string>>) | undefined;
}

/** A record whose headers are those of an event. */
export interface ReadableRecord {
  readonly head: EventHead;
  readonly record: IncomingRecord;
}

/** The transactions in which events take effect. */
export interface Application {
  readonly group: string;
  readonly batches: boolean;
  /** Whether it can tell events that do not concern it. */
  readonly skims: boolean;
  handles(type: string): boolean;
  /** @throws whatever the handler throws, and `failed_precondition EVENT_GAP` */
  apply(event: ReadableRecord): Promise<Claim>;
  applyBatch(events: readonly ReadableRecord[]): Promise<void>;
  /** Those of one tenant's events that concern the consumer. */
  skim(events: readonly ReadableRecord[]): Promise<readonly ReadableRecord[]>;
  /** Applies the first parked event of an aggregate, when it is still this one, and takes it out. */
  applyParked(parked: ParkedAggregate, seq: bigint, event: ReadableRecord): Promise<void>;
  park(event: ReadableRecord, reason: string): Promise<void>;
  /** For an event that is not to have an effect any more. */
  acknowledge(event: ReadableRecord): Promise<void>;
}

export function createApplication<S>(options: ApplicationOptions<S>): Application {
  const { db, group, on, batch, ordered, concerns } = options;
  const scopeOf = (head: EventHead): TransactionScope => ({
    tenantId: head.tenantId,
    actor: { type: 'service', id: group },
    traceparent: currentTraceparent() ?? head.traceparent,
    causationDepth: head.causationDepth + 1,
  });
  const inScope = <T>({ head }: ReadableRecord, body: (tx: Tx<S>) => Promise<T>): Promise<T> =>
    withTraceparent(head.traceparent, `consume ${head.type}`, () => db.inTenant(scopeOf(head), body));

  async function claim(tx: Tx<S>, head: EventHead, redrive: boolean): Promise<Claim> {
    if (batch) return (await claimBatch(tx, group, [head.id])).has(head.id) ? 'new' : 'duplicate';
    const claimed = await claimEvent(tx, group, head, { every: ordered, redrive });
    if (claimed === 'gap') {
      throw new AppError('failed_precondition', 'EVENT_GAP', 'An earlier event of the same aggregate is missing.');
    }
    return claimed;
  }

  async function effect(tx: Tx<S>, { head, record }: ReadableRecord): Promise<void> {
    if (batch) await batch(tx, [decodeEvent(head, record)]);
    else await on[head.type]?.(tx, decodeEvent(head, record));
  }

  /** Those of one tenant's events that concern the consumer. The others have no effect, so nothing has to remember them. */
  async function concerning(tx: ReadTx<S>, events: readonly ReadableRecord[]): Promise<readonly ReadableRecord[]> {
    if (concerns === undefined) return events;
    const wanted = await concerns(tx, [...new Set(events.map(({ head }) => head.type))]);
    return events.filter(({ head }) => wanted.has(head.type));
  }

  return {
    group,
    batches: batch !== undefined,
    skims: concerns !== undefined,
    // A projection that needs every event also counts those that it does nothing about.
    handles: (type) => batch !== undefined || ordered || on[type] !== undefined,
    apply: (event) =>
      inScope(event, async (tx) => {
        const claimed = await claim(tx, event.head, false);
        if (claimed === 'new') await effect(tx, event);
        if (claimed === 'parked') await parkEvent(tx, group, event.head, event.record, 'EVENT_BEHIND_PARKED');
        return claimed;
      }),
    async applyBatch(events) {
      const [first] = events;
      if (first === undefined || batch === undefined) return;
      const scope = { tenantId: first.head.tenantId, actor: { type: 'service', id: group } };
      await db.inTenant(scope, async (tx) => {
        const wanted = await concerning(tx, events);
        if (wanted.length === 0) return;
        const fresh = await claimBatch(
          tx,
          group,
          wanted.map(({ head }) => head.id),
        );
        const decoded = wanted.flatMap(({ head, record }) => (fresh.has(head.id) ? [decodeEvent(head, record)] : []));
        // One batch can hold an event twice: published again after a crash of the relay.
        const distinct = [...new Map(decoded.map((event) => [event.id, event])).values()];
        if (distinct.length > 0) await batch(tx, distinct);
      });
      for (const { head } of events) markTrace(head.traceparent, `consume ${head.type}`);
    },
    async skim(events) {
      const [first] = events;
      if (first === undefined || concerns === undefined) return events;
      const scope = { tenantId: first.head.tenantId, actor: { type: 'service', id: group } };
      return db.inTenant(scope, (tx) => concerning(tx, events));
    },
    applyParked: (parked, seq, event) =>
      inScope(event, async (tx) => {
        const first = await firstParked(tx, group, parked);
        if (first?.seq !== seq) return;
        if ((await claim(tx, event.head, true)) === 'new') await effect(tx, event);
        await unpark(tx, seq);
      }),
    park: (event, reason) => inScope(event, (tx) => parkEvent(tx, group, event.head, event.record, reason)),
    async acknowledge(event) {
      await inScope(event, (tx) => claim(tx, event.head, false));
    },
  };
}
