import { type ReadTx, sql, type Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

/** What the followers of an execution are told. */
export type ExecutionNews =
  | { readonly cursor: number; readonly kind: 'started' | 'finished' }
  | { readonly cursor: number; readonly kind: 'text'; readonly text: string }
  | { readonly cursor: number; readonly kind: 'restarted'; readonly attempt: number; readonly reason: string };

/** Writing the same news again changes nothing: a write whose commit got lost on the way may be repeated. */
export function insertNews(tx: Tx<Schema>, executionId: string, news: readonly ExecutionNews[]): void {
  if (news.length === 0) return;
  const insert = tx
    .insertInto('execution_updates')
    .values(
      news.map((item) => ({
        tenant_id: tx.scope.tenantId,
        execution_id: executionId,
        cursor: item.cursor,
        kind: item.kind,
        text: textOfNews(item),
        attempt: item.kind === 'restarted' ? item.attempt : 0,
      })),
    )
    .onConflict((conflict) => conflict.doNothing());
  tx.send(insert.compile());
}

/** What a row keeps of it as text. */
export function textOfNews(item: ExecutionNews): string {
  if (item.kind === 'text') return item.text;
  return item.kind === 'restarted' ? item.reason : '';
}

/** News after the cursor, in order. Uses the primary key. */
export async function listNews(
  tx: ReadTx<Schema>,
  executionId: string,
  { after, limit }: { after: number; limit: number },
): Promise<ExecutionNews[]> {
  const rows = await tx
    .selectFrom('execution_updates')
    .select(['cursor', 'kind', 'text', 'attempt'])
    .where('execution_id', '=', executionId)
    .where('cursor', '>', BigInt(after))
    .orderBy('cursor')
    .limit(limit)
    .execute();
  return rows.map(({ cursor, kind, text, attempt }): ExecutionNews => {
    if (kind === 'text') return { cursor: Number(cursor), kind, text };
    if (kind === 'restarted') return { cursor: Number(cursor), kind, attempt, reason: text };
    return { cursor: Number(cursor), kind };
  });
}

/** Over all tenants; answers how many were forgotten. Uses execution_updates_created_at. */
export async function forgetNews(
  tx: Tx<Schema>,
  { keepMs, limit }: { keepMs: number; limit: number },
): Promise<number> {
  const { rows } = await sql<{ forgotten: bigint }>`
    select forget_execution_updates(${keepMs} * interval '1 millisecond', ${limit}) as forgotten`.execute(tx);
  return Number(rows[0]?.forgotten ?? 0n);
}

/** What followers were told since the answer last began. */
export async function textSaidIn(tx: ReadTx<Schema>, executionId: string): Promise<string> {
  const { rows } = await sql<{ said: string | null }>`
    select string_agg(text, '' order by cursor) as said from execution_updates
    where execution_id = ${executionId} and kind = 'text' and cursor > coalesce((
      select max(cursor) from execution_updates where execution_id = ${executionId} and kind = 'restarted'), 0)`.execute(
    tx,
  );
  return rows[0]?.said ?? '';
}
