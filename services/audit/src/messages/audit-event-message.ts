import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { AuditEventSchema } from '@flotilla/contracts/audit';
import type { StoredAuditEvent } from '../db/audit-event-repository.ts';
import type { JsonObject } from '../domain/audit-event.ts';

/** A record as the contract shows it; its bytes only where one record is read. */
export function toAuditEventMessage(
  event: StoredAuditEvent,
  { withBytes }: { readonly withBytes: boolean },
): MessageInitShape<typeof AuditEventSchema> {
  return {
    id: event.id,
    occurTime: timestampFromDate(event.occurredAt),
    eventType: event.eventType,
    actorType: event.actorType,
    actorId: event.actorId,
    action: event.action,
    resourceType: event.resourceType,
    resourceId: event.resourceId,
    result: event.result,
    metadata: event.metadata as Mutable<JsonObject>,
    ...(event.beforeState === undefined ? {} : { beforeState: event.beforeState as Mutable<JsonObject> }),
    ...(event.afterState === undefined ? {} : { afterState: event.afterState as Mutable<JsonObject> }),
    traceId: event.traceId ?? '',
    checksum: event.checksum,
    canon: event.canon,
    ...(withBytes ? { canonical: Uint8Array.from(event.canonical) } : {}),
    ingestTime: timestampFromDate(event.ingestedAt),
  };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] } & NonNullable<
  MessageInitShape<typeof AuditEventSchema>['metadata']
>;
