// Generated from the migrated database by the generate script. Do not edit.
import type { Bytes, Generated, Json, Timestamp } from '@flotilla/postgres';

export interface AuditEvents {
  id: string;
  tenant_id: string;
  occurred_at: Timestamp;
  event_type: 'domain_event' | 'captured_change' | 'recorded_action';
  actor_type: 'user' | 'service' | 'system' | 'anonymous';
  actor_id: string;
  action: string;
  resource_type: string;
  resource_id: string;
  result: 'success' | 'failure' | 'partial';
  metadata: Generated<Json>;
  before_state: Json | null;
  after_state: Json | null;
  trace_id: string | null;
  canon: number;
  canonical: Bytes;
  checksum: string;
  ingested_at: Generated<Timestamp>;
}

export interface Schema {
  audit_events: AuditEvents;
}
