import { setImmediate as turn } from 'node:timers/promises';
import type { Arrival } from '@flotilla/events';
import type { Database, TransactionScope } from '@flotilla/postgres';
import { type FoundWait, findEventWaits, keyFields } from '../db/event-wait-repository.ts';
import type { Schema } from '../db/schema.ts';
import { isRecent } from '../domain/event-age.ts';
import { type EventConditions, hashAt } from '../domain/event-wait.ts';
import type { Outcome } from '../domain/journal.ts';
import type { JsonObject } from '../domain/json.ts';
import { stepError } from '../domain/step-error.ts';

/** An event of the tenant. */
export interface CameEvent {
  readonly id: string;
  readonly type: string;
  readonly value: JsonObject;
  readonly occurredAt: Date;
}

/** What an event means to a step that waits. */
export interface Awaiting {
  readonly wait: FoundWait;
  readonly event: CameEvent;
  readonly outcome: Outcome;
}

/** Waits are read so many at a time: what each knows of its run may be large. */
const PAGE = 100;
/** Conditions are evaluated for so long before others have their turn. */
const SLICE_MS = 5;

/**
 * Goes through the steps that wait for one of these events, in whatever order they came: each step takes the earliest one that
 * fits. Only those are looked at in whose field is what the event holds, or of which nothing of the kind is known.
 */
export async function* awaitingSteps(
  { db, conditions }: { readonly db: Database<Schema>; readonly conditions: EventConditions },
  scope: TransactionScope,
  {
    came,
    arrivals,
    alive,
  }: {
    readonly came: readonly CameEvent[];
    readonly arrivals: ReadonlyMap<string, Arrival>;
    readonly alive: () => Promise<void>;
  },
): AsyncGenerator<Awaiting> {
  let sliceEndsAt = performance.now() + SLICE_MS;
  const inOrder = came.toSorted((one, other) => one.occurredAt.getTime() - other.occurredAt.getTime());
  const alike = Map.groupBy(inOrder, ({ id, type }) => `${type} ${arrivals.get(id)}`);
  for (const events of alike.values()) {
    const [{ id, type: eventType } = { id: '', type: '' }] = events;
    const arrivedAt = arrivals.get(id) ?? '';
    for (const field of await db.inTenant(scope, (tx) => keyFields(tx, eventType))) {
      const held = events.map((event) => ({ event, hash: hashAt(event.value, field) }));
      const hashes = held.flatMap(({ hash }) => hash ?? []);
      const wanted = { eventType, field, arrivedAt, hashes: hashes.length < held.length ? undefined : hashes };
      for (let after: FoundWait | undefined; ; ) {
        const at = { after, limit: PAGE };
        const page = await db.inTenant(scope, (tx) => findEventWaits(tx, wanted, at));
        for (const wait of page) {
          if (performance.now() > sliceEndsAt) {
            await turn();
            sliceEndsAt = performance.now() + SLICE_MS;
          }
          const meant = held.filter(({ hash }) => hash === undefined || hash === wait.hash).map(({ event }) => event);
          const found = firstOutcome(conditions, wait, meant);
          if (found !== undefined) yield { wait, ...found };
        }
        after = page.at(-1);
        if (page.length < PAGE) break;
        await alive();
      }
    }
  }
}

/** A condition that does not suit an event fails the step: nobody would ever hear of it otherwise. */
function firstOutcome(
  conditions: EventConditions,
  wait: FoundWait,
  events: readonly CameEvent[],
): Pick<Awaiting, 'event' | 'outcome'> | undefined {
  for (const event of events) {
    const { id, value, occurredAt } = event;
    if (!isRecent(occurredAt, wait.since)) continue;
    try {
      if (!conditions.isAwaited(wait, value)) continue;
    } catch (failure) {
      const { reason, message } = stepError(failure);
      return { event, outcome: { failed: { reason, message } } };
    }
    const facts = { output: value, eventId: id, occurredAt: occurredAt.toISOString(), expired: false };
    return { event, outcome: { facts } };
  }
  return undefined;
}
