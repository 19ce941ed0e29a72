import type { Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

/** Answers the ids that were not there before. */
export async function insertActions(
  tx: Tx<Schema>,
  actions: readonly { readonly id: string; readonly service: string; readonly action: string }[],
): Promise<Set<string>> {
  const rows = await tx
    .insertInto('recorded_actions')
    .values(actions.map((action) => ({ ...action, tenant_id: tx.scope.tenantId })))
    .onConflict((conflict) => conflict.column('id').doNothing())
    .returning('id')
    .execute();
  return new Set(rows.map(({ id }) => id));
}
