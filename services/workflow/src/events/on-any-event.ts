import { toJson } from '@bufbuild/protobuf';
import { events, registry } from '@flotilla/contracts';
import type { DomainEvent, Prepare } from '@flotilla/events';
import type { ReadTx, Tx } from '@flotilla/postgres';
import { type Bringing, prepareBringing } from '../commands/bring-events.ts';
import type { Editing } from '../commands/create-workflow.ts';
import { fireTrigger } from '../commands/fire-trigger.ts';
import { awaitedTypes } from '../db/event-wait-repository.ts';
import type { Schema } from '../db/schema.ts';
import { findListeners, type Listener } from '../db/trigger-repository.ts';
import { isRecent } from '../domain/event-age.ts';
import type { JsonObject } from '../domain/json.ts';

/** The topics of domain events; captured changes are for audit only. */
export const eventTopics: readonly string[] = [...new Set(events.map(({ topic }) => topic))];

/** The types of events that some trigger of the tenant listens to, or some step waits for. */
export async function listenedTo(tx: ReadTx<Schema>, types: readonly string[]): Promise<ReadonlySet<string>> {
  const [listeners, awaited] = await Promise.all([findListeners(tx, types), awaitedTypes(tx, types)]);
  return new Set([...listeners.map(({ eventType }) => eventType), ...awaited]);
}

/**
 * Brings events, which are all of one tenant's own, to the steps that wait for them, and fires the triggers that listen to them.
 * `fired` is told when there were any.
 */
export function onAnyEvent(reacting: Bringing & Pick<Editing, 'newId'>, fired: () => void): Prepare<Schema> {
  return async (happened, alive) => {
    const came = new Map(happened.map((event) => [event.id, { ...event, value: jsonOf(event) }]));
    const [{ tenantId } = { tenantId: '' }] = happened;
    const scope = { tenantId, actor: { type: 'service', id: 'workflow-triggers' } };
    const bring = await prepareBringing(reacting, scope, [...came.values()], alive);
    return async (tx, fresh) => {
      await bring(tx, new Set(fresh.map(({ id }) => id)));
      const listeners = await findListeners(tx, [...new Set(fresh.map(({ type }) => type))]);
      if (listeners.length === 0) return;
      for (const { id } of fresh) {
        const event = came.get(id);
        if (event !== undefined) await fire(reacting, tx, listeners, event);
      }
      fired();
    };
  };
}

async function fire(
  reacting: Pick<Editing, 'newId'>,
  tx: Tx<Schema>,
  listeners: readonly Listener[],
  { value, ...event }: DomainEvent & { readonly value: JsonObject },
): Promise<void> {
  const meant = listeners.filter(
    ({ eventType, listensSince }) => eventType === event.type && isRecent(event.occurredAt, listensSince),
  );
  const causationDepth = event.causationDepth + 1;
  for (const trigger of meant) {
    await fireTrigger(reacting, tx.causedBy(causationDepth), trigger, {
      ...{ key: event.id, cause: 'event', value, at: event.occurredAt, causationDepth },
      traceparent: event.traceparent,
    });
  }
}

/** With the fields that hold their default: a filter may ask for any field. */
function jsonOf({ type, message }: DomainEvent): JsonObject {
  const schema = registry.getMessage(type);
  return schema === undefined ? {} : (toJson(schema, message, { registry, alwaysEmitImplicit: true }) as JsonObject);
}
