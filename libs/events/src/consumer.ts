import type { RowChanged } from '@flotilla/contracts/events';
import { RowChangedSchema } from '@flotilla/contracts/events';
import type { Logger, Metrics } from '@flotilla/observability';
import type { Database, ReadTx, Tx } from '@flotilla/postgres';
import { createApplication } from './application.ts';
import { type ParkedAggregate, parkedAggregates } from './consumer-store.ts';
import type { DomainEvent } from './domain-event.ts';
import type { EventHandlers } from './event-handlers.ts';
import { createIntake } from './intake.ts';
import { createRedrive } from './redrive.ts';
import type { Subscription, Transport } from './transport.ts';

/** What a consumer is made of: handlers for single events, or one handler for batches. */
export interface ConsumerOptions<S> {
  readonly db: Database<S>;
  readonly transport: Transport;
  /** Names the consumer for good: its offsets, inbox and parked events. `notification` */
  readonly group: string;
  /** By default the topics of the handled events. */
  readonly topics?: readonly string[] | undefined;
  readonly on?: EventHandlers<S> | undefined;
  /** For captured changes; name their topics. */
  readonly changes?: ((tx: Tx<S>, event: DomainEvent<RowChanged>) => Promise<void>) | undefined;
  /** Instead of `on`: all events of the topics, many of one tenant in one transaction, deduplicated, in no promised order. */
  readonly batch?: Batch<S> | undefined;
  /** Instead of `batch`, where it takes long to find out what is to be done. */
  readonly prepare?: Prepare<S> | undefined;
  /** For a projection that needs every event of an aggregate: a missing one parks the aggregate. */
  readonly ordered?: boolean | undefined;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
  /** Tries of an event whose failure may pass, before it is parked. */
  readonly maxAttempts?: number | undefined;
  /** How often parked events are tried again; 0 for never. */
  readonly redriveEveryMs?: number | undefined;
  readonly maxRecords?: number | undefined;
  /** For a consumer that is in no hurry: so long a rest after records came, so that the next come together. */
  readonly gatherMs?: number | undefined;
  /**
   * Where few events matter: which of these types matter to the tenant of the transaction. Asked once for many events;
   * those that do not matter leave no trace.
   */
  readonly concerns?: ((tx: ReadTx<S>, types: readonly string[]) => Promise<ReadonlySet<string>>) | undefined;
}

/** What is done about events that are new, in the transaction that remembers them. */
export type Batch<S> = (tx: Tx<S>, events: readonly DomainEvent[]) => Promise<void>;

/**
 * Finds out what is to be done about events of one tenant, in whatever short transactions it likes: events that are known
 * already are left out, but others may turn out to be known by the time that the answer is done. `alive` is to be called
 * now and then: it keeps the partitions.
 */
export type Prepare<S> = (events: readonly DomainEvent[], alive: () => Promise<void>) => Promise<Batch<S>>;

/** Applies events of other services, each once. */
export interface Consumer {
  start(): void;
  /** Resolves when it has joined its group. */
  readonly joined: Promise<void>;
  /** Finishes the event in hand and commits; gives up waiting after the grace. */
  stop(graceMs?: number): Promise<void>;
  /** Tries parked events again, in the order of each aggregate. Answers how many were applied. */
  redrive(wanted?: { readonly aggregateId?: string; readonly tenantId?: string }): Promise<number>;
  /** What waits for a redrive, over all tenants. */
  parked(): Promise<readonly ParkedAggregate[]>;
}

/**
 * Creates a consumer. For each event, one transaction: inbox row, order check, effect; the offset is committed after
 * it. What fails for good parks its aggregate, with the events that follow it, and nothing else.
 *
 * @example
 * const consumer = createConsumer({ db, transport, group: 'notification', on: { ...onEvent(InstanceFailedSchema, onInstanceFailed) }, log });
 * consumer.start();
 */
export function createConsumer<S>(options: ConsumerOptions<S>): Consumer {
  const { db, transport, group, changes, log } = options;
  const on: EventHandlers<S> = {
    ...options.on,
    ...(changes && { [RowChangedSchema.typeName]: (tx, event) => changes(tx, event as DomainEvent<RowChanged>) }),
  };
  const topics = options.topics ?? [...new Set(Object.keys(on).map((type) => type.slice(0, type.lastIndexOf('.'))))];
  const application = createApplication<S>({ ...options, on, ordered: options.ordered ?? false });
  const intake = createIntake({ application, options });
  const redrive = createRedrive({ application, options, topics });
  const joined = Promise.withResolvers<void>();
  let subscription: Subscription | undefined;

  return {
    joined: joined.promise,
    start() {
      if (subscription) return;
      subscription = transport.subscribe({
        group,
        topics,
        handle: intake.handle,
        maxRecords: options.maxRecords ?? (application.batches ? 500 : 100),
        gatherMs: options.gatherMs,
      });
      void subscription.joined.then(joined.resolve);
      redrive.start();
      log.info({ group, topics }, 'consuming');
    },
    async stop(graceMs) {
      await Promise.all([subscription?.stop(graceMs), redrive.stop()]);
      joined.resolve();
    },
    redrive: redrive.redrive,
    parked: () => parkedAggregates(db, group),
  };
}
