import type { OwnFleet } from '@flotilla/deploy';
import pg from 'pg';

/** A run as its row says it ended. */
export interface RunRow {
  readonly id: string;
  readonly status: string;
  readonly compensation: string;
  readonly settled: boolean;
}

/** An entry of a run's journal. */
export interface JournalRow {
  readonly instanceId: string;
  readonly seq: number;
  readonly kind: string;
  /** Where it has to do with a step. */
  readonly path: string | undefined;
  readonly visit: number | undefined;
  readonly stepKind: string | undefined;
  readonly effectKey: string | undefined;
  readonly hasUndo: boolean;
}

/** An event, where it was committed or where it arrived. */
export interface EventRow {
  readonly id: string;
  readonly type: string;
  readonly resourceId: string;
  readonly seq: number | undefined;
}

/** A line of the target's own log, which it alone writes. */
export type TargetEntry =
  | { readonly kind: 'opened'; readonly key: string; readonly runId: string; readonly title: string }
  | { readonly kind: 'undone'; readonly key: string; readonly undid: string };

/** What every store says after a drill. Each was written by another process than the others. */
export interface Stores {
  readonly runs: readonly RunRow[];
  readonly journal: readonly JournalRow[];
  readonly target: readonly TargetEntry[];
  /** Committed events that were published, and those that still wait. */
  readonly sent: readonly EventRow[];
  readonly waiting: number;
  /** In the order in which they were taken in. */
  readonly audited: readonly EventRow[];
  /** Lines of the token ledger, and requests that the model provider counted. */
  readonly ledgerLines: number;
  readonly providerHits: number;
  /** How often each message was accepted for sending, by the key of the effect. */
  readonly notifications: readonly { readonly key: string; readonly times: number }[];
}

const services = ['identity', 'llm-agent', 'workflow', 'validation', 'notification'] as const;

/** Reads them all, as superuser, past the services. */
export async function readStores(fleet: OwnFleet, tenantId: string, providerHits: number): Promise<Stores> {
  const ask = <Row extends pg.QueryResultRow>(service: string, statement: string) =>
    query<Row>(fleet.databaseUrl(service), statement, [tenantId]);
  const sent: EventRow[] = [];
  let waiting = 0;
  for (const service of services) {
    sent.push(
      ...(await ask<EventRow>(
        service,
        `select id, type, aggregate_id as "resourceId", event_seq::integer as seq from outbox_sent where tenant_id = $1`,
      )),
    );
    waiting += (await ask(service, 'select seq from outbox where tenant_id = $1')).length;
  }
  const state = (await (await fetch(`${fleet.trackerUrl}/state`)).json()) as { entries: TargetEntry[] };
  return {
    runs: await ask(
      'workflow',
      `select id, status, compensation, settled_at is not null as settled from workflow_instances where tenant_id = $1`,
    ),
    journal: await ask(
      'workflow',
      `select instance_id as "instanceId", seq, kind, coalesce(entry->>'path', step_id) as path, visit,
         entry->>'stepKind' as "stepKind", entry->>'effectKey' as "effectKey", entry ? 'undo' as "hasUndo"
       from workflow_journal where tenant_id = $1 order by instance_id, seq`,
    ),
    target: state.entries,
    sent,
    waiting,
    audited: await ask(
      'audit',
      `select id, action as type, resource_id as "resourceId",
         case when event_type = 'domain_event' then (metadata->>'eventSeq')::integer end as seq
       from audit_events where tenant_id = $1 and event_type in ('domain_event', 'captured_change')
       order by ingested_at, (metadata->>'eventSeq')::integer`,
    ),
    ledgerLines: (await ask('llm-agent', 'select id from provider_attempts where tenant_id = $1')).length,
    providerHits,
    notifications: await ask(
      'notification',
      `select send_key as key, count(*)::integer as times from notifications
       where tenant_id = $1 and send_key is not null group by send_key`,
    ),
  };
}

/** Whether all that was committed has been told and taken in. */
export async function isTold(fleet: OwnFleet, tenantId: string): Promise<boolean> {
  let sent = 0;
  for (const service of services) {
    const url = fleet.databaseUrl(service);
    if ((await query(url, 'select seq from outbox where tenant_id = $1 limit 1', [tenantId])).length > 0) return false;
    sent += (await query(url, 'select id from outbox_sent where tenant_id = $1', [tenantId])).length;
  }
  const audited = await query(
    fleet.databaseUrl('audit'),
    `select id from audit_events where tenant_id = $1 and event_type in ('domain_event', 'captured_change')`,
    [tenantId],
  );
  return audited.length >= sent;
}

/** The tenant of this slug. */
export async function tenantOf(fleet: OwnFleet, slug: string): Promise<string> {
  const statement = 'select id from tenants where slug = $1';
  const [tenant] = await query<{ id: string }>(fleet.databaseUrl('identity'), statement, [slug]);
  if (tenant === undefined) throw new Error(`There is no tenant ${slug}.`);
  return tenant.id;
}

async function query<Row extends pg.QueryResultRow>(
  url: string,
  statement: string,
  values: readonly unknown[],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, query_timeout: 60_000 });
  await client.connect();
  try {
    return (await client.query<Row>(statement, [...values])).rows;
  } finally {
    await client.end();
  }
}
