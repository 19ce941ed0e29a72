import { after, type Cursor, type ReadTx, type Selectable, type Tx } from '@flotilla/postgres';
import type { ApiKey } from '../domain/api-key.ts';
import type { Schema } from './schema.ts';

const columns = [
  'id',
  'user_id',
  'name',
  'key_prefix',
  'scopes',
  'expires_at',
  'last_used_at',
  'revoked_at',
  'created_at',
  'revision',
] as const;

export async function insertApiKey(tx: Tx<Schema>, key: ApiKey, keyHash: string): Promise<void> {
  await tx
    .insertInto('api_keys')
    .values({
      id: key.id,
      tenant_id: tx.scope.tenantId,
      user_id: key.userId,
      name: key.name,
      key_hash: keyHash,
      key_prefix: key.keyPrefix,
      scopes: [...key.scopes],
      expires_at: key.expiresAt ?? null,
      created_at: key.createdAt,
    })
    .execute();
}

export async function findApiKey(tx: ReadTx<Schema>, id: string): Promise<ApiKey | undefined> {
  const row = await tx.selectFrom('api_keys').select(columns).where('id', '=', id).executeTakeFirst();
  return row && toApiKey(row);
}

/** Newest first, by the index api_keys_page. */
export async function listApiKeys(
  tx: ReadTx<Schema>,
  wanted: {
    readonly status: 'active' | 'revoked' | 'expired' | undefined;
    readonly cursor: Cursor | undefined;
    readonly limit: number;
    readonly now: Date;
  },
): Promise<readonly ApiKey[]> {
  const { status, cursor, limit, now } = wanted;
  const rows = await tx
    .selectFrom('api_keys')
    .select(columns)
    .where(after<Schema, 'api_keys'>('desc', cursor))
    .$if(status === 'revoked', (query) => query.where('revoked_at', 'is not', null))
    .$if(status === 'expired', (query) => query.where('revoked_at', 'is', null).where('expires_at', '<=', now))
    .$if(status === 'active', (query) =>
      query
        .where('revoked_at', 'is', null)
        .where((is) => is.or([is('expires_at', 'is', null), is('expires_at', '>', now)])),
    )
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(toApiKey);
}

/** One key, or all of a user, or those of one name among them. */
export type KeyChoice = { readonly id: string } | { readonly userId: string; readonly name?: string };

/** The keys that were still good; uses the index api_keys_user where a user is named. */
export async function revokeApiKeys(tx: Tx<Schema>, which: KeyChoice, now: Date): Promise<readonly ApiKey[]> {
  const rows = await tx
    .updateTable('api_keys')
    .set((is) => ({ status: 'revoked', revoked_at: now, revision: is('revision', '+', 1) }))
    .where('revoked_at', 'is', null)
    .where((is) =>
      'id' in which
        ? is('id', '=', which.id)
        : is.and({ user_id: which.userId, ...(which.name !== undefined && { name: which.name }) }),
    )
    .returning(columns)
    .execute();
  return rows.map(toApiKey);
}

/** At most once a minute, whoever asks. */
export async function markKeyUsed(tx: Tx<Schema>, id: string, now: Date): Promise<void> {
  await tx
    .updateTable('api_keys')
    .set({ last_used_at: now })
    .where('id', '=', id)
    .where((is) => is.or([is('last_used_at', 'is', null), is('last_used_at', '<', new Date(now.getTime() - 60_000))]))
    .execute();
}

function toApiKey(row: Pick<Selectable<Schema['api_keys']>, (typeof columns)[number]>): ApiKey {
  return {
    id: row.id,
    userId: row.user_id,
    name: row.name,
    keyPrefix: row.key_prefix,
    scopes: row.scopes,
    expiresAt: row.expires_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
    revokedAt: row.revoked_at ?? undefined,
    createdAt: row.created_at,
    revision: row.revision,
  };
}
