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

/** Answers the ids of those for whose purpose there was none: the index grants_purpose decides. */
export async function insertGrants(tx: Tx<Schema>, grants: readonly Grant[]): Promise<ReadonlySet<string>> {
  const rows = await tx
    .insertInto('grants')
    .values(
      grants.map((grant) => ({
        id: grant.id,
        tenant_id: tx.scope.tenantId,
        user_id: grant.userId,
        service: grant.service,
        purpose: grant.purpose,
        permissions: [...grant.permissions],
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'service', 'purpose']).where('revoked_at', 'is', null).doNothing(),
    )
    .returning('id')
    .execute();
  return new Set(rows.map(({ id }) => id));
}

/** By the index grants_purpose. */
export async function findGrantsByPurpose(
  tx: Tx<Schema>,
  service: string,
  purposes: readonly string[],
): Promise<Pick<Grant, 'id' | 'userId' | 'purpose'>[]> {
  const rows = await tx
    .selectFrom('grants')
    .select(['id', 'user_id', 'purpose'])
    .where('service', '=', service)
    .where('purpose', '=', (is) => is.fn.any(is.val(purposes)))
    .where('revoked_at', 'is', null)
    .execute();
  return rows.map(({ id, user_id: userId, purpose }) => ({ id, userId, purpose }));
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
