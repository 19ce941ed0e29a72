import { isMessage, type JsonValue, type Message, toJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { registry } from '@flotilla/contracts';
import { RowChangedSchema, RowOperation } from '@flotilla/contracts/events';
import { type ActionRecorded, ActionRecordedSchema, ActionResult, ActorType } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import type { DomainEvent } from '@flotilla/events';
import type { AuditEvent, JsonObject } from '../domain/audit-event.ts';

/** What an event of any topic says to the audit log. */
export function toAuditEvent(event: DomainEvent): AuditEvent {
  const { message } = event;
  if (isMessage(message, RowChangedSchema)) {
    return {
      ...common(event),
      eventType: 'captured_change',
      action: changes[message.operation] ?? 'change',
      metadata: { topic: event.topic, databaseRole: message.databaseRole },
      beforeState: message.before as JsonObject | undefined,
      afterState: message.after as JsonObject | undefined,
    };
  }
  if (isMessage(message, ActionRecordedSchema)) return recordedAction(event, message);
  return {
    ...common(event),
    eventType: 'domain_event',
    action: event.type,
    metadata: { ...origin(event), event: messageJson(event.type, message) },
    beforeState: undefined,
    afterState: undefined,
  };
}

function common(event: DomainEvent) {
  return {
    id: event.id,
    tenantId: event.tenantId,
    occurredAt: event.occurredAt,
    actorType: actorTypeOf(event.actor.type),
    actorId: event.actor.id,
    resourceType: event.aggregate,
    resourceId: event.aggregateId,
    result: 'success',
    traceId: traceIdOf(event.traceparent),
  } as const;
}

function recordedAction(event: DomainEvent, { action }: ActionRecorded): AuditEvent {
  if (action === undefined) {
    throw new AppError('invalid_argument', 'ACTION_MISSING', 'A recorded action says nothing.');
  }
  return {
    ...common(event),
    eventType: 'recorded_action',
    occurredAt: action.occurTime === undefined ? event.occurredAt : timestampDate(action.occurTime),
    actorType: actorTypes[action.actorType] ?? 'system',
    actorId: action.actorId,
    action: action.action,
    resourceType: action.resourceType,
    resourceId: action.resourceId,
    result: results[action.result] ?? 'partial',
    metadata: { ...origin(event), service: action.service, reason: action.reason },
    beforeState: undefined,
    afterState: undefined,
    traceId: traceIdOf(action.traceparent),
  };
}

function origin(event: DomainEvent): JsonObject {
  return {
    topic: event.topic,
    causationDepth: event.causationDepth,
    ...(event.eventSeq === undefined ? {} : { eventSeq: String(event.eventSeq) }),
  };
}

function messageJson(type: string, message: Message): JsonObject {
  const schema = registry.getMessage(type);
  if (schema === undefined) throw new AppError('invalid_argument', 'EVENT_UNREADABLE', 'The event cannot be read.');
  return toJson(schema, message, { registry }) as JsonValue as JsonObject;
}

function traceIdOf(traceparent: string | undefined): string | undefined {
  return /^00-([0-9a-f]{32})-/.exec(traceparent ?? '')?.[1];
}

function actorTypeOf(type: string): AuditEvent['actorType'] {
  return type === 'user' || type === 'service' || type === 'anonymous' ? type : 'system';
}

// A newer sender may know more words: what is unknown here is kept under a general one.
const changes: Readonly<Partial<Record<RowOperation, string>>> = {
  [RowOperation.INSERT]: 'create',
  [RowOperation.UPDATE]: 'update',
  [RowOperation.DELETE]: 'delete',
};

const actorTypes: Readonly<Partial<Record<ActorType, AuditEvent['actorType']>>> = {
  [ActorType.USER]: 'user',
  [ActorType.SERVICE]: 'service',
  [ActorType.SYSTEM]: 'system',
  [ActorType.ANONYMOUS]: 'anonymous',
};

const results: Readonly<Partial<Record<ActionResult, AuditEvent['result']>>> = {
  [ActionResult.SUCCESS]: 'success',
  [ActionResult.FAILURE]: 'failure',
  [ActionResult.PARTIAL]: 'partial',
};
