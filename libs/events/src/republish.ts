import { parseArgs } from 'node:util';
import { AppError } from '@flotilla/errors';
// drivers: an operator's word over all tenants, as the migrator role, which no service's pool may act as
import pg from 'pg';

/** Which of the published events go out again. */
export interface Republishing {
  /** When they were published. */
  readonly since: Date;
  readonly until: Date;
  readonly topic?: string | undefined;
  readonly aggregateId?: string | undefined;
}

const rowsAtOnce = 2_000;
const columns = `id, tenant_id, topic, aggregate, aggregate_id, event_seq, type, payload, change, traceparent,
  causation_depth, actor_type, actor_id, occurred_at`;

/**
 * Puts published events into the outbox again, in their order: the relay carries them as it does all others, under the
 * same ids, so that consumers that have seen them do nothing. For after a restore of a broker or of a consumer's database.
 *
 * @param url the database, as the migrator role
 * @returns how many go out again
 */
export async function republish(url: string, { since, until, topic, aggregateId }: Republishing): Promise<number> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, query_timeout: 300_000 });
  await client.connect();
  try {
    let republished = 0;
    for (let lastSeq: string | undefined = '0'; lastSeq !== undefined; ) {
      // One transaction each. What went out more than once goes out once: the latest row of an event stands for it.
      const { rows }: pg.QueryResult<{ rows: string; last_seq: string | null }> = await client.query(
        `with chosen as (
           select seq, ${columns} from outbox_sent s
           where sent_at >= $1 and sent_at < $2 and seq > $3
             and ($4::text is null or topic = $4) and ($5::uuid is null or aggregate_id = $5)
             and not exists (select from outbox_sent later where later.id = s.id and later.sent_at < $2 and later.seq > s.seq)
           order by seq limit ${rowsAtOnce}
         ), again as (
           insert into outbox (${columns}) select ${columns} from chosen order by seq returning seq
         )
         select (select count(*) from again) as rows, (select max(seq) from chosen) as last_seq`,
        [since, until, lastSeq, topic ?? null, aggregateId ?? null],
      );
      republished += Number(rows[0]?.rows ?? 0);
      lastSeq = rows[0]?.last_seq ?? undefined;
    }
    return republished;
  } finally {
    await client.end();
  }
}

/** Reads `--since <time> [--until <time>] [--topic <name>] [--aggregate <id>]`; until now unless said. */
export function parseRepublishing(argv: readonly string[], now: Date): Republishing {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: { since: text, until: text, topic: text, aggregate: text },
    strict: true,
  });
  const time = (name: string, value: string | undefined): Date => {
    const date = new Date(value ?? '');
    if (!Number.isNaN(date.getTime())) return date;
    throw new AppError('invalid_argument', 'TIME_INVALID', `--${name} wants a time such as 2026-01-31T12:00:00Z.`);
  };
  return {
    since: time('since', values.since),
    until: values.until === undefined ? now : time('until', values.until),
    topic: values.topic,
    aggregateId: values.aggregate,
  };
}
