import { createHash } from 'node:crypto';
import { AppError } from '@flotilla/errors';
import canonicalize from 'canonicalize';
import type { AuditEvent, SealedAuditEvent } from './audit-event.ts';

/** The version of the canonical form that new records get. A changed form is a new version; old records keep theirs. */
export const currentCanon = 1;

/**
 * The bytes that a record's hash is over: RFC 8785 JSON of these fields and no others, absent ones as null, the time in
 * UTC with milliseconds.
 */
export function canonicalForm(event: AuditEvent): Uint8Array {
  const text = canonicalize({
    canon: currentCanon,
    id: event.id,
    tenantId: event.tenantId,
    occurTime: event.occurredAt.toISOString(),
    eventType: event.eventType,
    actorType: event.actorType,
    actorId: event.actorId,
    action: event.action,
    resourceType: event.resourceType,
    resourceId: event.resourceId,
    result: event.result,
    metadata: event.metadata,
    beforeState: event.beforeState ?? null,
    afterState: event.afterState ?? null,
    traceId: event.traceId ?? null,
  });
  if (text === undefined) throw new AppError('internal', 'CANONICAL_FORM_MISSING', 'Something went wrong on our side.');
  return Buffer.from(text, 'utf8');
}

/** Adds the canonical bytes and their hash. */
export function seal(event: AuditEvent): SealedAuditEvent {
  const canonical = canonicalForm(event);
  return { ...event, canon: currentCanon, canonical, checksum: createHash('sha256').update(canonical).digest('hex') };
}
