import { type ReadTx, sql, type Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

/** Sealed, as it is stored. Whoever asks has found the provider already: that decides who may use it. */
export async function findSecret(tx: ReadTx<Schema>, providerId: string): Promise<Uint8Array | undefined> {
  const row = await tx
    .selectFrom('provider_secrets')
    .select('sealed')
    .where('provider_id', '=', providerId)
    .executeTakeFirst();
  return row?.sealed;
}

export async function upsertSecret(tx: Tx<Schema>, providerId: string, sealed: Uint8Array): Promise<void> {
  await tx
    .insertInto('provider_secrets')
    .values({ tenant_id: tx.scope.tenantId, provider_id: providerId, sealed: Buffer.from(sealed) })
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'provider_id']).doUpdateSet({ sealed: Buffer.from(sealed) }),
    )
    .execute();
}

export async function deleteSecret(tx: Tx<Schema>, providerId: string): Promise<void> {
  await tx.deleteFrom('provider_secrets').where('provider_id', '=', providerId).execute();
}

/** Over all tenants: secrets that are not wrapped by this key. */
export async function findSecretsToRewrap(
  tx: Tx<Schema>,
  keyId: string,
  limit: number,
): Promise<{ providerId: string; tenantId: string }[]> {
  const { rows } = await sql<{ provider_id: string; tenant_id: string }>`
    select provider_id, tenant_id from secrets_to_rewrap(${Buffer.from(keyId, 'hex')}, ${limit})`.execute(tx);
  return rows.map((row) => ({ providerId: row.provider_id, tenantId: row.tenant_id }));
}

/** The secret and the address that it is bound to, locked until commit. For the sweep, which sees every owner's. */
export async function lockSecret(
  tx: Tx<Schema>,
  providerId: string,
): Promise<{ sealed: Uint8Array; baseUrl: string } | undefined> {
  const row = await tx
    .selectFrom('provider_secrets')
    .innerJoin('llm_providers', 'llm_providers.id', 'provider_secrets.provider_id')
    .select(['provider_secrets.sealed', 'llm_providers.base_url'])
    .where('provider_secrets.provider_id', '=', providerId)
    .forUpdate()
    .executeTakeFirst();
  return row && { sealed: row.sealed, baseUrl: row.base_url };
}
