import { after, type Cursor, type ReadTx, type Selectable, type Tx } from '@flotilla/postgres';
import type { Notification, NotificationState } from '../domain/notification.ts';
import type { Channel } from '../domain/template.ts';
import type { Schema } from './schema.ts';

const columns = [
  'id',
  'recipient_id',
  'recipient_address',
  'template_id',
  'channel',
  'priority',
  'status',
  'subject',
  'body',
  'metadata',
  'scheduled_at',
  'sent_at',
  'delivered_at',
  'read_at',
  'error_message',
  'retry_count',
  'max_retries',
  'created_at',
] as const;

type Row = Pick<Selectable<Schema['notifications']>, (typeof columns)[number]>;

export async function insertNotification(
  tx: Tx<Schema>,
  notification: Notification,
  { sendKey }: { sendKey: string | undefined },
): Promise<void> {
  await tx
    .insertInto('notifications')
    .values({
      id: notification.id,
      tenant_id: tx.scope.tenantId,
      recipient_id: notification.recipientId || null,
      recipient_address: notification.recipientAddress,
      template_id: notification.templateId,
      channel: notification.channel,
      priority: notification.priority,
      status: notification.status,
      subject: notification.subject,
      body: notification.body,
      metadata: JSON.stringify(notification.metadata),
      scheduled_at: notification.scheduledAt ?? null,
      error_message: notification.errorMessage,
      max_retries: notification.maxRetries,
      created_by: tx.scope.userId ?? null,
      send_key: sendKey ?? null,
      traceparent: tx.scope.traceparent ?? '',
      due_at: notification.scheduledAt ?? notification.createdAt,
      created_at: notification.createdAt,
    })
    .execute();
}

export async function findNotification(tx: ReadTx<Schema>, id: string): Promise<Notification | undefined> {
  const row = await tx.selectFrom('notifications').select(columns).where('id', '=', id).executeTakeFirst();
  return row && toNotification(row);
}

/** The notification, locked until commit. */
export async function lockNotification(tx: Tx<Schema>, id: string): Promise<Notification | undefined> {
  const row = await tx.selectFrom('notifications').select(columns).where('id', '=', id).forUpdate().executeTakeFirst();
  return row && toNotification(row);
}

/** What was accepted under a key, locked until commit. Uses the index notifications_send_key. */
export async function lockNotificationsOfKey(tx: Tx<Schema>, sendKey: string): Promise<Notification[]> {
  const rows = await tx
    .selectFrom('notifications')
    .select(columns)
    .where('send_key', '=', sendKey)
    .orderBy('id')
    .forUpdate()
    .execute();
  return rows.map(toNotification);
}

/** Writes a new status and what belongs to it. `nextTryAt` says when a worker may take it again. */
export async function saveStatus(
  tx: Tx<Schema>,
  id: string,
  change: { status: NotificationState; errorMessage: string; nextTryAt?: Date | undefined; at: Date },
): Promise<void> {
  const { status, errorMessage, nextTryAt, at } = change;
  await tx
    .updateTable('notifications')
    .set({
      status,
      error_message: errorMessage,
      ...(nextTryAt && { due_at: nextTryAt }),
      ...((status === 'sent' || status === 'delivered') && { sent_at: at }),
      ...(status === 'delivered' && { delivered_at: at }),
    })
    .where('id', '=', id)
    .execute();
}

export async function saveRead(tx: Tx<Schema>, id: string, at: Date): Promise<void> {
  await tx.updateTable('notifications').set({ read_at: at }).where('id', '=', id).execute();
}

/** Newest first: ids sort by time. Uses the index notifications_inbox when a recipient is given. */
export async function listNotifications(
  tx: ReadTx<Schema>,
  filter: {
    recipientId: string | undefined;
    channel: Channel | undefined;
    status: NotificationState | undefined;
    unread: boolean;
  },
  page: { cursor: Cursor | undefined; limit: number },
): Promise<Notification[]> {
  let query = tx.selectFrom('notifications').select(columns);
  if (filter.recipientId !== undefined) query = query.where('recipient_id', '=', filter.recipientId);
  if (filter.channel !== undefined) query = query.where('channel', '=', filter.channel);
  if (filter.status !== undefined) query = query.where('status', '=', filter.status);
  if (filter.unread) {
    query = query.where('channel', '=', 'in_app').where('status', '=', 'delivered').where('read_at', 'is', null);
  }
  const rows = await query
    .where(after<Schema, 'notifications'>('desc', page.cursor))
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
  return rows.map(toNotification);
}

function toNotification(row: Row): Notification {
  return {
    id: row.id,
    recipientId: row.recipient_id ?? '',
    recipientAddress: row.recipient_address,
    templateId: row.template_id,
    channel: row.channel,
    priority: row.priority,
    status: row.status,
    subject: row.subject,
    body: row.body,
    metadata: row.metadata as Notification['metadata'],
    scheduledAt: row.scheduled_at ?? undefined,
    sentAt: row.sent_at ?? undefined,
    deliveredAt: row.delivered_at ?? undefined,
    readAt: row.read_at ?? undefined,
    errorMessage: row.error_message,
    retryCount: row.retry_count,
    maxRetries: row.max_retries,
    createdAt: row.created_at,
  };
}
