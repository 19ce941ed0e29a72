import type { Tx } from '@flotilla/postgres';
import { lockNotification, saveRead } from '../db/notification-repository.ts';
import type { Schema } from '../db/schema.ts';
import { checkReadable, type Notification, notificationNotFound } from '../domain/notification.ts';

/** Marks as read; the first time counts. Only its recipient reads a notification, not who sent it. */
export async function readNotification(now: Date, tx: Tx<Schema>, id: string): Promise<Notification> {
  const notification = await lockNotification(tx, id);
  const { userId } = tx.scope;
  if (notification === undefined || (userId !== undefined && notification.recipientId !== userId)) {
    throw notificationNotFound();
  }
  checkReadable(notification);
  if (notification.readAt !== undefined) return notification;
  await saveRead(tx, id, now);
  return { ...notification, readAt: now };
}
