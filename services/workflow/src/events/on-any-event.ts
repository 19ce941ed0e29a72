import { toJson } from '@bufbuild/protobuf';
import { events, registry } from '@flotilla/contracts';
import type { DomainEvent } from '@flotilla/events';
import type { ReadTx, Tx } from '@flotilla/postgres';
import type { Editing } from '../commands/create-workflow.ts';
import { fireTrigger } from '../commands/fire-trigger.ts';
import type { Schema } from '../db/schema.ts';
import { findListeners } from '../db/trigger-repository.ts';
import type { JsonObject } from '../domain/json.ts';

/** The topics of domain events; captured changes are for audit only. */
export const eventTopics: readonly string[] = [...new Set(events.map(({ topic }) => topic))];

/** The types of events that some trigger of the tenant listens to. */
export async function listenedTo(tx: ReadTx<Schema>, types: readonly string[]): Promise<ReadonlySet<string>> {
  return new Set((await findListeners(tx, types)).map(({ eventType }) => eventType));
}

/** Fires the triggers of a tenant that listen to these events, which are all of the tenant's own. `fired` is told when there were any. */
export function onAnyEvent(editing: Editing, fired: () => void) {
  return async (tx: Tx<Schema>, happened: readonly DomainEvent[]): Promise<void> => {
    const listeners = await findListeners(tx, [...new Set(happened.map(({ type }) => type))]);
    if (listeners.length === 0) return;
    for (const event of happened) {
      const value = jsonOf(event);
      for (const trigger of listeners.filter(({ eventType }) => eventType === event.type)) {
        const causationDepth = event.causationDepth + 1;
        await fireTrigger(editing, tx.causedBy(causationDepth), trigger, {
          ...{ key: event.id, cause: 'event', value, at: event.occurredAt, causationDepth },
          traceparent: event.traceparent,
        });
      }
    }
    fired();
  };
}

/** With the fields that hold their default: a filter may ask for any field. */
function jsonOf({ type, message }: DomainEvent): JsonObject {
  const schema = registry.getMessage(type);
  return schema === undefined ? {} : (toJson(schema, message, { registry, alwaysEmitImplicit: true }) as JsonObject);
}
