import { type ReadTx, type Selectable, sql, type Tx } from '@flotilla/postgres';
import type { AuditEventType, JsonObject, SealedAuditEvent } from '../domain/audit-event.ts';
import type { AuditEvents, Schema } from './schema.ts';

/** A record as it is kept. */
export interface StoredAuditEvent extends SealedAuditEvent {
  readonly ingestedAt: Date;
}

/** What a reader looks for; absent means any. */
export interface AuditEventFilter {
  readonly actorId?: string | undefined;
  readonly resourceType?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly action?: string | undefined;
  readonly eventType?: string | undefined;
  readonly traceId?: string | undefined;
  readonly from?: Date | undefined;
  readonly until?: Date | undefined;
}

/** The last record that a reader has seen. */
export interface Position {
  readonly id: string;
  readonly occurredAt: Date;
}

const columns = [
  'id',
  'tenant_id',
  'occurred_at',
  'event_type',
  'actor_type',
  'actor_id',
  'action',
  'resource_type',
  'resource_id',
  'result',
  'metadata',
  'before_state',
  'after_state',
  'trace_id',
  'canon',
  'canonical',
  'checksum',
  'ingested_at',
] as const;

/** One statement for all of them, whatever their number: the text, and with it the plan, never varies. */
export async function insertAuditEvents(tx: Tx<Schema>, events: readonly SealedAuditEvent[]): Promise<void> {
  const column = <T>(pick: (event: SealedAuditEvent) => T): T[] => events.map(pick);
  const json = (value: JsonObject | undefined): string | null => (value === undefined ? null : JSON.stringify(value));
  await sql`
    insert into audit_events (id, tenant_id, occurred_at, event_type, actor_type, actor_id, action, resource_type,
      resource_id, result, metadata, before_state, after_state, trace_id, canon, canonical, checksum)
    select * from unnest(
      ${column((event) => event.id)}::uuid[], ${column((event) => event.tenantId)}::uuid[],
      ${column((event) => event.occurredAt)}::timestamptz[], ${column((event) => event.eventType)}::text[],
      ${column((event) => event.actorType)}::text[], ${column((event) => event.actorId)}::text[],
      ${column((event) => event.action)}::text[], ${column((event) => event.resourceType)}::text[],
      ${column((event) => event.resourceId)}::text[], ${column((event) => event.result)}::text[],
      ${column((event) => json(event.metadata))}::jsonb[], ${column((event) => json(event.beforeState))}::jsonb[],
      ${column((event) => json(event.afterState))}::jsonb[], ${column((event) => event.traceId ?? null)}::text[],
      ${column((event) => event.canon)}::integer[], ${column((event) => Buffer.from(event.canonical))}::bytea[],
      ${column((event) => event.checksum)}::text[])`.execute(tx);
}

/** Newest first. Uses the index of the narrowest filter: audit_events_trace, _resource, _actor, _action or _time. */
export async function findAuditEvents(
  tx: ReadTx<Schema>,
  filter: AuditEventFilter,
  behind: Position | undefined,
  limit: number,
): Promise<readonly StoredAuditEvent[]> {
  let query = tx.selectFrom('audit_events').select(columns);
  if (filter.traceId !== undefined) query = query.where('trace_id', '=', filter.traceId);
  if (filter.resourceType !== undefined) query = query.where('resource_type', '=', filter.resourceType);
  if (filter.resourceId !== undefined) query = query.where('resource_id', '=', filter.resourceId);
  if (filter.actorId !== undefined) query = query.where('actor_id', '=', filter.actorId);
  if (filter.action !== undefined) query = query.where('action', '=', filter.action);
  if (filter.eventType !== undefined) query = query.where('event_type', '=', filter.eventType as AuditEventType);
  if (filter.from !== undefined) query = query.where('occurred_at', '>=', filter.from);
  if (filter.until !== undefined) query = query.where('occurred_at', '<', filter.until);
  if (behind !== undefined) {
    // The first condition says less than the second, but it is the one by which chunks are left out.
    query = query
      .where('occurred_at', '<=', behind.occurredAt)
      .where(sql<boolean>`(occurred_at, id) < (${behind.occurredAt}::timestamptz, ${behind.id}::uuid)`);
  }
  const rows = await query.orderBy('occurred_at', 'desc').orderBy('id', 'desc').limit(limit).execute();
  return rows.map(toAuditEvent);
}

/** Uses the primary key, in every chunk. */
export async function findAuditEvent(tx: ReadTx<Schema>, id: string): Promise<StoredAuditEvent | undefined> {
  const row = await tx.selectFrom('audit_events').select(columns).where('id', '=', id).executeTakeFirst();
  return row && toAuditEvent(row);
}

function toAuditEvent(row: Pick<Selectable<AuditEvents>, (typeof columns)[number]>): StoredAuditEvent {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    occurredAt: row.occurred_at,
    eventType: row.event_type,
    actorType: row.actor_type,
    actorId: row.actor_id,
    action: row.action,
    resourceType: row.resource_type,
    resourceId: row.resource_id,
    result: row.result,
    metadata: row.metadata as JsonObject,
    beforeState: (row.before_state as JsonObject | null) ?? undefined,
    afterState: (row.after_state as JsonObject | null) ?? undefined,
    traceId: row.trace_id ?? undefined,
    canon: row.canon,
    canonical: row.canonical,
    checksum: row.checksum,
    ingestedAt: row.ingested_at,
  };
}
