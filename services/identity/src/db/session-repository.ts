import type { Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

export async function insertSession(
  tx: Tx<Schema>,
  session: { readonly id: string; readonly userId: string; readonly tokenHash: string; readonly expiresAt: Date },
): Promise<void> {
  await tx
    .insertInto('sessions')
    .values({
      id: session.id,
      tenant_id: tx.scope.tenantId,
      user_id: session.userId,
      token_hash: session.tokenHash,
      expires_at: session.expiresAt,
    })
    .execute();
}

/** One session, or all of a user (index sessions_user). */
export async function revokeSessions(
  tx: Tx<Schema>,
  which: { readonly id: string } | { readonly userId: string },
  now: Date,
): Promise<void> {
  await tx
    .updateTable('sessions')
    .set({ revoked_at: now })
    .where('revoked_at', 'is', null)
    .where('id' in which ? 'id' : 'user_id', '=', 'id' in which ? which.id : which.userId)
    .execute();
}
