import type { Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

/** Permission for a service to act for a user. */
export interface Grant {
  readonly id: string;
  readonly userId: string;
  readonly service: string;
  readonly purpose: string;
  readonly permissions: readonly string[];
}

/** Answers `false` when there is one for the purpose: the index grants_purpose decides. */
export async function insertGrant(tx: Tx<Schema>, grant: Grant): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('grants')
    .values({
      id: grant.id,
      tenant_id: tx.scope.tenantId,
      user_id: grant.userId,
      service: grant.service,
      purpose: grant.purpose,
      permissions: [...grant.permissions],
    })
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'service', 'purpose']).where('revoked_at', 'is', null).doNothing(),
    )
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** By the index grants_purpose. */
export async function findGrantByPurpose(
  tx: Tx<Schema>,
  { service, purpose }: Pick<Grant, 'service' | 'purpose'>,
): Promise<{ readonly id: string; readonly userId: string } | undefined> {
  const row = await tx
    .selectFrom('grants')
    .select(['id', 'user_id'])
    .where('service', '=', service)
    .where('purpose', '=', purpose)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return row && { id: row.id, userId: row.user_id };
}

/** Answers how many of them the service has; a second time changes nothing. */
export async function revokeGrants(
  tx: Tx<Schema>,
  ids: readonly string[],
  service: string,
  now: Date,
): Promise<number> {
  const { numUpdatedRows } = await tx
    .updateTable('grants')
    .set((is) => ({ revoked_at: is.fn.coalesce('revoked_at', is.val(now)) }))
    .where('id', '=', (is) => is.fn.any(is.val(ids)))
    .where('service', '=', service)
    .executeTakeFirst();
  return Number(numUpdatedRows);
}

/** By the index grants_user. */
export async function revokeGrantsOfUser(tx: Tx<Schema>, userId: string, now: Date): Promise<void> {
  await tx
    .updateTable('grants')
    .set({ revoked_at: now })
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .execute();
}
