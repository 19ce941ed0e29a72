import { type ReadTx, sql, type Tx } from '@flotilla/postgres';
import type { Notification } from '../domain/notification.ts';
import { findNotification, lockNotification } from './notification-repository.ts';
import type { Schema } from './schema.ts';

/** The right to send one notification until the lease ends. */
export interface Lease {
  readonly notificationId: string;
  readonly tenantId: string;
  readonly leaseId: string;
  /** Of whoever asked for the notification. */
  readonly traceparent: string;
}

/** Takes due notifications of all tenants. Uses the index notifications_due. */
export async function claimDueNotifications(
  tx: Tx<Schema>,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<Lease[]> {
  const { rows } = await sql<{ id: string; tenant_id: string; lease_id: string; traceparent: string }>`
    select id, tenant_id, lease_id, traceparent
    from claim_due_notifications(${limit}::integer, ${leaseMs}::integer * interval '1 millisecond')`.execute(tx);
  return rows.map((row) => ({
    notificationId: row.id,
    tenantId: row.tenant_id,
    leaseId: row.lease_id,
    traceparent: row.traceparent,
  }));
}

/** What the lease is for, unless it was lost: then somebody else sends it. */
export async function findLeased(tx: ReadTx<Schema>, lease: Lease): Promise<Notification | undefined> {
  return (await holdsLease(tx, lease)) ? findNotification(tx, lease.notificationId) : undefined;
}

/** The same, locked until commit. */
export async function lockLeased(tx: Tx<Schema>, lease: Lease): Promise<Notification | undefined> {
  const notification = await lockNotification(tx, lease.notificationId);
  return notification !== undefined && (await holdsLease(tx, lease)) ? notification : undefined;
}

async function holdsLease(tx: ReadTx<Schema>, lease: Lease): Promise<boolean> {
  const row = await tx
    .selectFrom('notifications')
    .select('id')
    .where('id', '=', lease.notificationId)
    .where('lease_id', '=', lease.leaseId)
    .where('status', '=', 'sending')
    .executeTakeFirst();
  return row !== undefined;
}
