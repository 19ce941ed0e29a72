import { sql, type Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

/** A permission that no run needs any more. */
export interface EndedGrant {
  readonly tenantId: string;
  readonly grantId: string;
}

/** For a grant that no run came to use; those of runs end by the trigger end_grant. */
export async function insertEndedGrant(tx: Tx<Schema>, grantId: string): Promise<void> {
  await tx.insertInto('ended_grants').values({ tenant_id: tx.scope.tenantId, grant_id: grantId }).execute();
}

/** Of any tenant, the oldest first. Uses the index ended_grants_oldest. */
export async function findEndedGrants(tx: Tx<Schema>, limit: number): Promise<EndedGrant[]> {
  const { rows } = await sql<{ tenant_id: string; grant_id: string }>`
    select tenant_id, grant_id from grants_to_revoke(${limit}::integer)`.execute(tx);
  return rows.map((row) => ({ tenantId: row.tenant_id, grantId: row.grant_id }));
}

export async function forgetEndedGrants(tx: Tx<Schema>, grantIds: readonly string[]): Promise<void> {
  await tx.deleteFrom('ended_grants').where('grant_id', 'in', grantIds).execute();
}
