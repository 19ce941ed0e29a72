import { setTimeout as delay } from 'node:timers/promises';
// drivers: the hold belongs to one connection of the relay role, which no pool may swap
import pg from 'pg';
import { type OutboxRow, toRecord } from './outbox-record.ts';
import type { OutgoingRecord } from './transport.ts';

/** What goes out together. */
interface OutboxBatch {
  readonly rows: readonly OutboxRow[];
  readonly records: readonly OutgoingRecord[];
  /** More may wait already. */
  readonly isFull: boolean;
}

/** The relay's side of the outbox, over one connection: losing it loses the hold. */
export interface OutboxStore {
  tryHold(): Promise<boolean>;
  /** Hears of events that were committed through other processes. */
  listen(onNews: () => void): Promise<void>;
  /** Tells the holder, on this connection of its own: a NOTIFY in a writer's transaction would make writers queue. */
  tell(): Promise<void>;
  next(maxRows: number): Promise<OutboxBatch>;
  moveToSent(rows: readonly OutboxRow[], at: Date): Promise<void>;
  /** Makes and drops partitions of `outbox_sent`, forgets old inbox rows and idempotency keys. */
  maintain(now: Date, keepSentHours: number): Promise<void>;
  lag(): Promise<{ readonly rows: number; readonly oldestMs: number }>;
  close(): Promise<void>;
}

const lockClass = 402_196_704;
const channel = 'flotilla_outbox';
const columns = `seq, id, tenant_id, topic, aggregate, aggregate_id, event_seq, type, payload, change,
  traceparent, causation_depth, actor_type, actor_id, occurred_at`;

// A broker takes a whole batch for one partition or refuses it: together they must stay below its limit of a record batch.
const maxBatchBytes = 800_000;
const headerBytes = 700;

export async function openOutbox(url: string, slot: string): Promise<OutboxStore> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'flotilla-relay',
    connectionTimeoutMillis: 5_000,
    query_timeout: 20_000,
    keepAlive: true,
  });
  // The next statement fails too, and that failure is handled.
  client.on('error', () => {});
  await client.connect();
  return {
    async tryHold() {
      const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1, hashtext($2)) as held', [
        lockClass,
        slot,
      ]);
      return rows[0]?.held === true;
    },
    async listen(onNews) {
      client.on('notification', onNews);
      await client.query(`listen ${channel}`);
    },
    async tell() {
      await client.query(`notify ${channel}`);
    },
    async next(maxRows) {
      // By the primary key. The first row goes out however large it is.
      const { rows } = await client.query<OutboxRow & { readonly found: string }>({
        name: 'next',
        text: `select ${columns}, found from (
           select ${columns}, sum(${headerBytes} + coalesce(octet_length(payload), 2 * octet_length(change::text)))
             over (order by seq) as bytes, row_number() over (order by seq) as place, count(*) over () as found
           from (select ${columns} from outbox order by seq limit $1) as oldest
         ) as measured where bytes <= $2 or place = 1 order by seq`,
        values: [maxRows, maxBatchBytes],
      });
      const found = Number(rows[0]?.found ?? 0);
      return { rows, records: rows.map(toRecord), isFull: found > rows.length || found === maxRows };
    },
    async moveToSent(rows, at) {
      await client.query({
        name: 'move',
        text: `with sent as (delete from outbox where seq = any ($1::bigint[]) returning ${columns})
         insert into outbox_sent (${columns}, sent_at) select ${columns}, $2::timestamptz from sent`,
        values: [rows.map(({ seq }) => seq), at],
      });
    },
    async maintain(now, keepSentHours) {
      await client.query('select maintain_outbox_sent($1, make_interval(hours => $2))', [now, keepSentHours]);
      for (let swept = 5_000; swept >= 5_000; ) {
        const { rows } = await client.query<{ swept: string }>(
          `select sweep_platform_tables($1, interval '14 days', interval '2 days') as swept`,
          [now],
        );
        swept = Number(rows[0]?.swept ?? 0);
      }
    },
    async lag() {
      const { rows } = await client.query<{ rows: string; oldest_ms: string | null }>(
        'select count(*) as rows, extract(epoch from clock_timestamp() - min(occurred_at)) * 1000 as oldest_ms from outbox',
      );
      return { rows: Number(rows[0]?.rows ?? 0), oldestMs: Math.round(Number(rows[0]?.oldest_ms ?? 0)) };
    },
    async close() {
      // A server that does not answer any more does not answer the farewell either.
      await Promise.race([client.end().catch(() => {}), delay(2_000, undefined, { ref: false })]);
    },
  };
}
