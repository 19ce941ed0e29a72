import { type ReadTx, sql, type Tx } from '@flotilla/postgres';

/** When an event came first, by the clock of the database and to the microsecond, which a `Date` would cut off. */
export type Arrival = string;

/**
 * For what is done about events in several transactions before the one that remembers them: when each came, which is now for those
 * that were not noted before.
 */
export async function arrivalsOf<S>(
  tx: ReadTx<S>,
  name: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Arrival>> {
  const { rows } = await sql<{ id: string; arrived_at: string }>`
    select id, coalesce((select received_at from inbox where consumer = ${name} and event_id = id), now())::text as arrived_at
    from unnest(${ids}::uuid[]) as id`.execute(tx);
  return new Map(rows.map(({ id, arrived_at }) => [id, arrived_at]));
}

/** Notes them, in the first of those transactions: should the process die after it, the events come again and have come then. */
export async function noteArrivals<S>(tx: Tx<S>, name: string, arrivals: ReadonlyMap<string, Arrival>): Promise<void> {
  await sql`
    insert into inbox (tenant_id, consumer, event_id, received_at)
    select ${tx.scope.tenantId}::uuid, ${name}, id, arrived_at
    from unnest(${[...arrivals.keys()]}::uuid[], ${[...arrivals.values()]}::timestamptz[]) as came (id, arrived_at)
    on conflict do nothing`.execute(tx);
}
