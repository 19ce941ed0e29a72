import { sql, type Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

/**
 * Over all tenants: makes the partitions of the coming months and drops those that are older than `keepDays`. Answers
 * the names of what was dropped.
 */
export async function maintainExecutions(
  tx: Tx<Schema>,
  { now, keepDays }: { now: Date; keepDays: number },
): Promise<readonly string[]> {
  const { rows } = await sql<{ dropped: string }>`
    select maintain_executions(${now}, make_interval(days => ${keepDays})) as dropped`.execute(tx);
  return rows.map(({ dropped }) => dropped);
}

/** The same for the messages of conversations. */
export async function maintainMessages(
  tx: Tx<Schema>,
  { now, keepDays }: { now: Date; keepDays: number },
): Promise<readonly string[]> {
  const { rows } = await sql<{ dropped: string }>`
    select maintain_messages(${now}, make_interval(days => ${keepDays})) as dropped`.execute(tx);
  return rows.map(({ dropped }) => dropped);
}

/** Over all tenants: takes the texts of conversations that were removed `keepDays` ago; answers how many. */
export async function purgeConversations(
  tx: Tx<Schema>,
  { now, keepDays, limit }: { now: Date; keepDays: number; limit: number },
): Promise<number> {
  const { rows } = await sql<{ purged: bigint }>`
    select purge_conversations(${now}, make_interval(days => ${keepDays}), ${limit}) as purged`.execute(tx);
  return Number(rows[0]?.purged ?? 0n);
}

/** Over all tenants: forgets places in queues that nobody renews; answers how many. */
export async function forgetWaiting(tx: Tx<Schema>, now: Date): Promise<number> {
  const { rows } = await sql<{ forgotten: bigint }>`select forget_waiting(${now}) as forgotten`.execute(tx);
  return Number(rows[0]?.forgotten ?? 0n);
}
