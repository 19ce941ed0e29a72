import { type ReadTx, sql, type Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

/** Takes a place at the end, or renews the one that the ticket has; forgets who does not renew any more. */
export async function queueUp(
  tx: Tx<Schema>,
  conversationId: string,
  { ticket, keepMs }: { ticket: string; keepMs: number },
): Promise<void> {
  await sql`delete from conversation_queue where conversation_id = ${conversationId} and expires_at < now()`.execute(
    tx,
  );
  const expiresAt = sql<Date>`now() + ${keepMs} * interval '1 millisecond'`;
  await tx
    .insertInto('conversation_queue')
    .values({ tenant_id: tx.scope.tenantId, conversation_id: conversationId, ticket, expires_at: expiresAt })
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'conversation_id', 'ticket']).doUpdateSet({ expires_at: expiresAt }),
    )
    .execute();
}

/** The first in the queue and how many there are; undefined when nobody waits. */
export async function queueOf(
  tx: ReadTx<Schema>,
  conversationId: string,
): Promise<{ firstTicket: string; length: number } | undefined> {
  const rows = await tx
    .selectFrom('conversation_queue')
    .select('ticket')
    .where('conversation_id', '=', conversationId)
    .where('expires_at', '>=', sql<Date>`now()`)
    .orderBy('place')
    .execute();
  const first = rows[0];
  return first && { firstTicket: first.ticket, length: rows.length };
}

export async function leaveQueue(tx: Tx<Schema>, conversationId: string, ticket: string): Promise<void> {
  await tx
    .deleteFrom('conversation_queue')
    .where('conversation_id', '=', conversationId)
    .where('ticket', '=', ticket)
    .execute();
}
