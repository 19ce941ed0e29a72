import { type ReadTx, sql, type Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

export async function isKeyRevoked(tx: ReadTx<Schema>, key: string): Promise<boolean> {
  const row = await tx
    .selectFrom('send_keys')
    .select('revoked_at')
    .where('key', '=', key)
    .where('revoked_at', 'is not', null)
    .executeTakeFirst();
  return row !== undefined;
}

/** Takes the key until commit and says whether it may still be used. A revocation that runs meanwhile is waited for. */
export async function takeKey(tx: Tx<Schema>, key: string): Promise<boolean> {
  const { rows } = await sql<{ usable: boolean }>`
    insert into send_keys as k (tenant_id, key) values (${tx.scope.tenantId}, ${key})
    on conflict (tenant_id, key) do update set revoked_at = k.revoked_at
    returning k.revoked_at is null as usable`.execute(tx);
  return rows[0]?.usable ?? false;
}

/** Nobody can use the key from now on. A sending that runs meanwhile is waited for. */
export async function revokeKey(tx: Tx<Schema>, key: string, now: Date): Promise<void> {
  await sql`
    insert into send_keys as k (tenant_id, key, revoked_at) values (${tx.scope.tenantId}, ${key}, ${now})
    on conflict (tenant_id, key) do update set revoked_at = coalesce(k.revoked_at, excluded.revoked_at)`.execute(tx);
}
