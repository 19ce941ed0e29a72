import type { OwnFleet } from '@flotilla/deploy';
import pg from 'pg';
import type { Charged } from './provider.ts';
import { readTarget, type TargetEntry, type Treated } from './target.ts';

/** A run as its row says it ended. */
export interface RunRow {
  readonly id: string;
  readonly status: string;
  readonly compensation: string;
  readonly settled: boolean;
  readonly errorReason: string | null;
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

/** A call at the provider, in llm-agent's ledger. */
export interface LedgerRow {
  readonly model: string;
  readonly agentId: string;
  readonly status: string;
  /** While it is under way, those that are reserved for it. */
  readonly tokens: number;
  readonly usdMicros: number;
}

/** A budget, and what its period says is spent of it. */
export interface BudgetRow {
  /** The agent that it is for; null: all. */
  readonly agentId: string | null;
  readonly model: string | null;
  readonly limitTokens: number | null;
  readonly limitUsdMicros: number | null;
  readonly spentTokens: number;
  readonly spentUsdMicros: number;
  readonly exceeded: boolean;
}

/** What every store says after a drill. Each was written by another process than the others. */
export interface Stores {
  readonly runs: readonly RunRow[];
  readonly journal: readonly JournalRow[];
  readonly target: readonly TargetEntry[];
  readonly treated: readonly Treated[];
  /** Committed events that were published, and those that still wait. */
  readonly sent: readonly EventRow[];
  readonly waiting: number;
  /** In the order in which they were taken in. */
  readonly audited: readonly EventRow[];
  readonly ledger: readonly LedgerRow[];
  readonly budgets: readonly BudgetRow[];
  /** What the model provider says it was asked and charges for. */
  readonly bill: readonly Charged[];
  /** How often each message was accepted for sending, by the key of the effect. */
  readonly notifications: readonly { readonly key: string; readonly times: number }[];
}

const services = ['identity', 'llm-agent', 'workflow', 'validation', 'notification'] as const;

/** Reads them all, as superuser, past the services. */
export async function readStores(fleet: OwnFleet, tenantId: string, bill: readonly Charged[]): Promise<Stores> {
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
  const { effects, treated } = await readTarget(fleet.trackerUrl);
  return {
    runs: await ask(
      'workflow',
      `select id, status, compensation, settled_at is not null as settled, error_reason as "errorReason"
       from workflow_instances where tenant_id = $1`,
    ),
    journal: await ask(
      'workflow',
      `select instance_id as "instanceId", seq, kind, coalesce(entry->>'path', step_id) as path, visit,
         entry->>'stepKind' as "stepKind", entry->>'effectKey' as "effectKey", entry ? 'undo' as "hasUndo"
       from workflow_journal where tenant_id = $1 order by instance_id, seq`,
    ),
    target: effects,
    treated,
    sent,
    waiting,
    audited: await ask(
      'audit',
      `select id, action as type, resource_id as "resourceId",
         case when event_type = 'domain_event' then (metadata->>'eventSeq')::integer end as seq
       from audit_events where tenant_id = $1 and event_type in ('domain_event', 'captured_change')
       order by ingested_at, (metadata->>'eventSeq')::integer`,
    ),
    ledger: await ask(
      'llm-agent',
      `select model, agent_id as "agentId", status,
         case status when 'started' then coalesce(reserved_prompt_tokens + reserved_completion_tokens, 0)
           else prompt_tokens + completion_tokens end as tokens,
         (1000000 * coalesce(case status when 'started' then reserved_usd else cost_usd end, 0))::float8 as "usdMicros"
       from provider_attempts where tenant_id = $1 and not cached`,
    ),
    budgets: await ask(
      'llm-agent',
      `select a.id as "agentId", a.model, b.limit_tokens::float8 as "limitTokens", b.limit_usd_micros::float8 as "limitUsdMicros",
         (p.spent_tokens + p.reserved_tokens)::float8 as "spentTokens",
         (1000000 * (p.spent_usd + p.reserved_usd))::float8 as "spentUsdMicros", p.exceeded_at is not null as exceeded
       from budgets b join budget_periods p on p.budget_id = b.id left join agents a on a.id = b.subject_id
       where b.tenant_id = $1`,
    ),
    bill,
    notifications: await ask(
      'notification',
      `select send_key as key, count(*)::integer as times from notifications
       where tenant_id = $1 and send_key is not null group by send_key`,
    ),
  };
}

/** Whether all that was committed has been told and taken in, and every call at the provider is settled. */
export async function isTold(fleet: OwnFleet, tenantId: string): Promise<boolean> {
  let sent = 0;
  for (const service of services) {
    const url = fleet.databaseUrl(service);
    if ((await query(url, 'select seq from outbox where tenant_id = $1 limit 1', [tenantId])).length > 0) return false;
    sent += (await query(url, 'select id from outbox_sent where tenant_id = $1', [tenantId])).length;
  }
  const underWay = `select id from provider_attempts where tenant_id = $1 and status = 'started' limit 1`;
  if ((await query(fleet.databaseUrl('llm-agent'), underWay, [tenantId])).length > 0) return false;
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
