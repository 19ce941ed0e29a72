import { toJson } from '@bufbuild/protobuf';
import { events, registry } from '@flotilla/contracts';
import type { DomainEvent, EventHandlers } from '@flotilla/events';
import type { JsonObject } from '@flotilla/expressions';
import type { Tx } from '@flotilla/postgres';
import type { AcceptNotification } from '../commands/accept-notification.ts';
import { notifySubscriber } from '../commands/notify-subscriber.ts';
import type { Schema } from '../db/schema.ts';
import { findSubscriptionsTo } from '../db/subscription-repository.ts';

/** All events of the contract but our own: a notification about notifications would cause the next one. */
export function onAnyEvent(accepting: AcceptNotification): EventHandlers<Schema> {
  return Object.fromEntries(
    events
      .filter(({ topic }) => topic !== 'flotilla.notification.v1')
      .map(({ schema }) => [schema.typeName, (tx: Tx<Schema>, event: DomainEvent) => notifyAll(accepting, tx, event)]),
  );
}

async function notifyAll(accepting: AcceptNotification, tx: Tx<Schema>, event: DomainEvent): Promise<void> {
  const subscriptions = await findSubscriptionsTo(tx, event.type);
  const schema = registry.getMessage(event.type);
  if (subscriptions.length === 0 || schema === undefined) return;
  // With the fields that hold their default: a filter may ask for any field.
  const json = toJson(schema, event.message, { registry, alwaysEmitImplicit: true }) as JsonObject;
  for (const subscription of subscriptions) {
    await notifySubscriber(accepting, tx, subscription, { json, schema, id: event.id });
  }
}
