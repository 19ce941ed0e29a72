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
