import { type Database, type ReadTx, sql, type Tx } from '@flotilla/postgres';
import type { EventHead } from './domain-event.ts';
import type { IncomingRecord } from './transport.ts';

/** What becomes of an event; see the database function of the same words. */
export type Claim = 'new' | 'duplicate' | 'stale' | 'gap' | 'parked';

/** An aggregate with events that wait for a redrive. */
export interface ParkedAggregate {
  readonly tenantId: string;
  readonly aggregate: string;
  readonly aggregateId: string;
  readonly events: number;
  /** Of the first event. */
  readonly attempts: number;
  /** Of the first event. */
  readonly reason: string;
  readonly parkedAt: Date;
}

/** A parked event and the record it came in. */
export interface ParkedEvent {
  readonly seq: bigint;
  readonly attempts: number;
  readonly record: IncomingRecord;
}

export async function claimEvent<S>(
  tx: Tx<S>,
  consumer: string,
  head: EventHead,
  { every, redrive }: { every: boolean; redrive: boolean },
): Promise<Claim> {
  const { rows } = await sql<{ claim: Claim }>`select claim_event(${consumer}, ${head.id}::uuid, ${head.aggregate},
    ${head.aggregateId}::uuid, ${head.eventSeq ?? null}::bigint, ${every}, ${redrive}) as claim`.execute(tx);
  return rows[0]?.claim ?? 'duplicate';
}

/** The ids that were not known yet; they are now. */
export async function claimBatch<S>(tx: Tx<S>, consumer: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ event_id: string }>`
    insert into inbox (tenant_id, consumer, event_id)
    select distinct ${tx.scope.tenantId}::uuid, ${consumer}, id from unnest(${ids}::uuid[]) as id
    on conflict do nothing returning event_id`.execute(tx);
  return new Set(rows.map(({ event_id }) => event_id));
}

/** Those of these ids that the consumer knows. */
export async function knownEvents<S>(
  tx: ReadTx<S>,
  consumer: string,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ event_id: string }>`
    select event_id from inbox where consumer = ${consumer} and event_id = any(${ids}::uuid[])`.execute(tx);
  return new Set(rows.map(({ event_id }) => event_id));
}

/** Parks an event behind those of its aggregate that are parked already. */
export async function parkEvent<S>(
  tx: Tx<S>,
  consumer: string,
  head: EventHead,
  record: IncomingRecord,
  reason: string,
): Promise<void> {
  await sql`insert into parked_events (tenant_id, consumer, aggregate, aggregate_id, event_id, event_seq, topic, record_key, headers, value, reason)
    values (${head.tenantId}::uuid, ${consumer}, ${head.aggregate}, ${head.aggregateId}::uuid, ${head.id}::uuid,
      ${head.eventSeq ?? null}::bigint, ${record.topic}, ${record.key}, ${JSON.stringify(record.headers)}::jsonb, ${record.value}::bytea, ${reason})
    on conflict (tenant_id, consumer, event_id) do nothing`.execute(tx);
}

/** The first parked event of an aggregate, locked; none when there is none or another redrive has it. Uses parked_events_aggregate. */
export async function firstParked<S>(
  tx: Tx<S>,
  consumer: string,
  { aggregate, aggregateId }: ParkedAggregate,
): Promise<ParkedEvent | undefined> {
  const { rows } = await sql<ParkedRow>`
    select seq, attempts, topic, record_key, headers, value from parked_events
    where tenant_id = ${tx.scope.tenantId}::uuid and consumer = ${consumer} and aggregate = ${aggregate} and aggregate_id = ${aggregateId}::uuid
    order by event_seq nulls first, seq limit 1 for update skip locked`.execute(tx);
  const [row] = rows;
  if (row === undefined) return undefined;
  const { seq, attempts, topic, record_key: key, headers, value } = row;
  return {
    seq,
    attempts,
    record: { topic, partition: -1, offset: -1n, key, headers, value: value ?? new Uint8Array() },
  };
}

interface ParkedRow {
  readonly seq: bigint;
  readonly attempts: number;
  readonly topic: string;
  readonly record_key: string;
  readonly headers: Record<string, string>;
  readonly value: Buffer | null;
}

export async function unpark<S>(tx: Tx<S>, seq: bigint): Promise<void> {
  await sql`delete from parked_events where seq = ${seq}`.execute(tx);
}

export async function countAttempt<S>(tx: Tx<S>, seq: bigint, reason: string): Promise<void> {
  await sql`update parked_events set attempts = attempts + 1, reason = ${reason} where seq = ${seq}`.execute(tx);
}

/** Over all tenants, oldest first. */
export async function parkedAggregates<S>(db: Database<S>, consumer: string): Promise<readonly ParkedAggregate[]> {
  return db.withoutTenant(async (tx) => {
    const { rows } = await sql<{
      tenant_id: string;
      aggregate: string;
      aggregate_id: string;
      events: bigint;
      attempts: number;
      reason: string;
      parked_at: Date;
    }>`select * from parked_aggregates(${consumer})`.execute(tx);
    return rows.map((row) => ({
      tenantId: row.tenant_id,
      aggregate: row.aggregate,
      aggregateId: row.aggregate_id,
      events: Number(row.events),
      attempts: row.attempts,
      reason: row.reason,
      parkedAt: row.parked_at,
    }));
  });
}
