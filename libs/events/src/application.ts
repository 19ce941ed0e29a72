import { AppError } from '@flotilla/errors';
import { currentTraceparent, markTrace, withTraceparent } from '@flotilla/observability';
import type { Database, ReadTx, TransactionScope, Tx } from '@flotilla/postgres';
import type { Batch, Prepare } from './consumer.ts';
import {
  type Claim,
  claimBatch,
  claimEvent,
  firstParked,
  knownEvents,
  type ParkedAggregate,
  parkEvent,
  unpark,
} from './consumer-store.ts';
import type { EventHead } from './domain-event.ts';
import { decodeEvent, type EventHandlers } from './event-handlers.ts';
import type { IncomingRecord } from './transport.ts';

interface ApplicationOptions<S> {
  readonly db: Database<S>;
  readonly group: string;
  readonly on: EventHandlers<S>;
  readonly batch?: Batch<S> | undefined;
  readonly prepare?: Prepare<S> | undefined;
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
  apply(event: ReadableRecord, alive: () => Promise<void>): Promise<Claim>;
  applyBatch(events: readonly ReadableRecord[], alive: () => Promise<void>): Promise<void>;
  /** Those of one tenant's events that concern the consumer. */
  skim(events: readonly ReadableRecord[]): Promise<readonly ReadableRecord[]>;
  /** Applies the first parked event of an aggregate, when it is still this one, and takes it out. */
  applyParked(parked: ParkedAggregate, seq: bigint, event: ReadableRecord): Promise<void>;
  park(event: ReadableRecord, reason: string): Promise<void>;
  /** For an event that is not to have an effect any more. */
  acknowledge(event: ReadableRecord): Promise<void>;
}

export function createApplication<S>(options: ApplicationOptions<S>): Application {
  const { db, group, on, batch, prepare, ordered, concerns } = options;
  const batches = batch !== undefined || prepare !== undefined;
  const scopeOfTenant = ({ head }: ReadableRecord): TransactionScope => ({
    tenantId: head.tenantId,
    actor: { type: 'service', id: group },
  });
  const scopeOf = (head: EventHead): TransactionScope => ({
    tenantId: head.tenantId,
    actor: { type: 'service', id: group },
    traceparent: currentTraceparent() ?? head.traceparent,
    causationDepth: head.causationDepth + 1,
  });
  const inScope = <T>({ head }: ReadableRecord, body: (tx: Tx<S>) => Promise<T>): Promise<T> =>
    withTraceparent(head.traceparent, `consume ${head.type}`, () => db.inTenant(scopeOf(head), body));

  async function claim(tx: Tx<S>, head: EventHead, redrive: boolean): Promise<Claim> {
    if (batches) return (await claimBatch(tx, group, [head.id])).has(head.id) ? 'new' : 'duplicate';
    const claimed = await claimEvent(tx, group, head, { every: ordered, redrive });
    if (claimed === 'gap') {
      throw new AppError('failed_precondition', 'EVENT_GAP', 'An earlier event of the same aggregate is missing.');
    }
    return claimed;
  }

  const decode = ({ head, record }: ReadableRecord) => decodeEvent(head, record);

  /** Those that no transaction has remembered yet. */
  async function unknown(tx: Tx<S>, events: readonly ReadableRecord[]): Promise<readonly ReadableRecord[]> {
    if (events.length === 0) return events;
    const known = await knownEvents(
      tx,
      group,
      events.map(({ head }) => head.id),
    );
    return events.filter(({ head }) => !known.has(head.id));
  }

  /** Remembers events, and does with those that are new what is to be done. */
  async function applyNew(tx: Tx<S>, events: readonly ReadableRecord[], effect: Batch<S>): Promise<void> {
    if (events.length === 0) return;
    const fresh = await claimBatch(
      tx,
      group,
      events.map(({ head }) => head.id),
    );
    const distinct = withoutRepeats(events).filter(({ head }) => fresh.has(head.id));
    if (distinct.length > 0) await effect(tx, distinct.map(decode));
  }

  /** What is to be done about a single event. */
  async function effectOf(event: ReadableRecord, alive?: () => Promise<void>): Promise<Batch<S>> {
    if (batch !== undefined) return batch;
    if (prepare === undefined) {
      return async (tx, [decoded]) => {
        if (decoded !== undefined) await on[decoded.type]?.(tx, decoded);
      };
    }
    const [isNew] = await db.inTenant(scopeOfTenant(event), (tx) => unknown(tx, [event]));
    return isNew === undefined ? async () => {} : prepare([decode(event)], alive ?? (async () => {}));
  }

  /** Those of one tenant's events that concern the consumer. The others have no effect, so nothing has to remember them. */
  async function concerning(tx: ReadTx<S>, events: readonly ReadableRecord[]): Promise<readonly ReadableRecord[]> {
    if (concerns === undefined) return events;
    const wanted = await concerns(tx, [...new Set(events.map(({ head }) => head.type))]);
    return events.filter(({ head }) => wanted.has(head.type));
  }

  return {
    group,
    batches,
    skims: concerns !== undefined,
    // A projection that needs every event also counts those that it does nothing about.
    handles: (type) => batches || ordered || on[type] !== undefined,
    async apply(event, alive) {
      const effect = await effectOf(event, alive);
      return inScope(event, async (tx) => {
        const claimed = await claim(tx, event.head, false);
        if (claimed === 'new') await effect(tx, [decode(event)]);
        if (claimed === 'parked') await parkEvent(tx, group, event.head, event.record, 'EVENT_BEHIND_PARKED');
        return claimed;
      });
    },
    async applyBatch(events, alive) {
      const [first] = events;
      if (first === undefined) return;
      const scope = scopeOfTenant(first);
      if (batch !== undefined)
        await db.inTenant(scope, async (tx) => applyNew(tx, await concerning(tx, events), batch));
      else if (prepare !== undefined) {
        const wanted = await db.inTenant(scope, async (tx) => unknown(tx, await concerning(tx, events)));
        if (wanted.length > 0) {
          const effect = await prepare(withoutRepeats(wanted).map(decode), alive);
          await db.inTenant(scope, (tx) => applyNew(tx, wanted, effect));
        }
      }
      for (const { head } of events) markTrace(head.traceparent, `consume ${head.type}`);
    },
    async skim(events) {
      const [first] = events;
      if (first === undefined || concerns === undefined) return events;
      return db.inTenant(scopeOfTenant(first), (tx) => concerning(tx, events));
    },
    async applyParked(parked, seq, event) {
      const effect = await effectOf(event);
      await inScope(event, async (tx) => {
        const first = await firstParked(tx, group, parked);
        if (first?.seq !== seq) return;
        if ((await claim(tx, event.head, true)) === 'new') await effect(tx, [decode(event)]);
        await unpark(tx, seq);
      });
    },
    park: (event, reason) => inScope(event, (tx) => parkEvent(tx, group, event.head, event.record, reason)),
    async acknowledge(event) {
      await inScope(event, (tx) => claim(tx, event.head, false));
    },
  };
}

/** One batch can hold an event twice: published again after a crash of the relay. */
function withoutRepeats(events: readonly ReadableRecord[]): readonly ReadableRecord[] {
  return [...new Map(events.map((event) => [event.head.id, event])).values()];
}
