/** Where a record comes from: an event of a domain, a captured change of a row, or an action that had no transaction. */
export type AuditEventType = 'domain_event' | 'captured_change' | 'recorded_action';

/** A value as JSON has it. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json };

/** One record of the log. It never changes. */
export interface AuditEvent {
  /** Of its source: the same event consumed twice is one record. */
  readonly id: string;
  readonly tenantId: string;
  readonly occurredAt: Date;
  readonly eventType: AuditEventType;
  readonly actorType: 'user' | 'service' | 'system' | 'anonymous';
  readonly actorId: string;
  readonly action: string;
  readonly resourceType: string;
  readonly resourceId: string;
  readonly result: 'success' | 'failure' | 'partial';
  readonly metadata: JsonObject;
  readonly beforeState: JsonObject | undefined;
  readonly afterState: JsonObject | undefined;
  /** 32 hexadecimal digits. */
  readonly traceId: string | undefined;
}

/** A record together with the bytes that prove it. */
export interface SealedAuditEvent extends AuditEvent {
  readonly canon: number;
  readonly canonical: Uint8Array;
  /** SHA-256 over `canonical`, in hexadecimal. */
  readonly checksum: string;
}
