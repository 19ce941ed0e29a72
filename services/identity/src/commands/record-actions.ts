import { ActionRecordedSchema } from '@flotilla/contracts/identity';
import { appendEvent } from '@flotilla/events';
import type { Database, TransactionScope, Tx } from '@flotilla/postgres';
import type { RecordedAction } from '@flotilla/service';
import { insertActions } from '../db/recorded-action-repository.ts';
import type { Schema } from '../db/schema.ts';

/**
 * Records actions, each in the tenant that it concerns; what concerns none belongs to the operator's. Answers how many
 * were new: one that was recorded before is left alone.
 */
export async function recordActions(
  db: Database<Schema>,
  scope: Omit<TransactionScope, 'tenantId'>,
  operatorTenantId: string,
  actions: readonly RecordedAction[],
): Promise<number> {
  const byTenant = Map.groupBy(actions, ({ tenantId }) => tenantId || operatorTenantId);
  let recorded = 0;
  for (const [tenantId, ofTenant] of byTenant) {
    recorded += await db.inTenant({ ...scope, tenantId }, (tx) => addActions(tx, ofTenant));
  }
  return recorded;
}

/** Records actions in the tenant of the transaction. */
export async function addActions(tx: Tx<Schema>, actions: readonly RecordedAction[]): Promise<number> {
  const fresh = await insertActions(
    tx,
    actions.map(({ id = '', service = '', action = '' }) => ({ id, service, action })),
  );
  const recorded = fresh.size;
  for (const action of actions) {
    // Deleted, so that an id that comes twice in one batch makes one event.
    if (action.id === undefined || !fresh.delete(action.id)) continue;
    await appendEvent(tx, { schema: ActionRecordedSchema, message: { action }, id: action.id });
  }
  return recorded;
}
