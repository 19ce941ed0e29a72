import type { ReadTx, Tx } from '@flotilla/postgres';
import type { Schema } from './schema.ts';

/** What was last seen of a provider. The last error stays when it is healthy again. */
export interface ProviderHealth {
  readonly state: 'healthy' | 'unhealthy';
  readonly checkedAt: Date;
  readonly errorReason: string;
  readonly errorMessage: string;
  readonly errorAt: Date | undefined;
}

/** What a test, or calls in a row, came to. */
export type HealthNote =
  | { readonly state: 'healthy' }
  | { readonly state: 'unhealthy'; readonly reason: string; readonly message: string };

export async function upsertHealth(
  tx: Tx<Schema>,
  providerId: string,
  note: HealthNote,
  now: Date,
): Promise<ProviderHealth> {
  const seen = {
    state: note.state,
    checked_at: now,
    ...(note.state === 'healthy'
      ? {}
      : { error_reason: note.reason, error_message: note.message.slice(0, 2_000), error_at: now }),
  };
  const row = await tx
    .insertInto('provider_health')
    .values({ ...seen, tenant_id: tx.scope.tenantId, provider_id: providerId })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'provider_id']).doUpdateSet(seen))
    .returning(columns)
    .executeTakeFirstOrThrow();
  return toHealth(row);
}

/** By provider; those that nobody has seen yet are missing. */
export async function findHealth(
  tx: ReadTx<Schema>,
  providerIds: readonly string[],
): Promise<ReadonlyMap<string, ProviderHealth>> {
  if (providerIds.length === 0) return new Map();
  const rows = await tx
    .selectFrom('provider_health')
    .select(['provider_id', ...columns])
    .where('provider_id', 'in', [...providerIds])
    .execute();
  return new Map(rows.map((row) => [row.provider_id, toHealth(row)]));
}

const columns = ['state', 'checked_at', 'error_reason', 'error_message', 'error_at'] as const;

function toHealth(row: {
  state: ProviderHealth['state'];
  checked_at: Date;
  error_reason: string;
  error_message: string;
  error_at: Date | null;
}): ProviderHealth {
  return {
    state: row.state,
    checkedAt: row.checked_at,
    errorReason: row.error_reason,
    errorMessage: row.error_message,
    errorAt: row.error_at ?? undefined,
  };
}
