import type { Tx } from '@flotilla/postgres';
import { lockNotification } from '../db/notification-repository.ts';
import type { Schema } from '../db/schema.ts';
import { canCancel, type Notification, notificationNotFound } from '../domain/notification.ts';
import { finishNotification } from './finish-notification.ts';

/** Withdraws what waits; one on its way or gone is answered as it is. */
export async function cancelNotification(now: Date, tx: Tx<Schema>, id: string): Promise<Notification> {
  const notification = await lockNotification(tx, id);
  if (notification === undefined) throw notificationNotFound();
  if (!canCancel(notification)) return notification;
  return finishNotification(now, tx, notification, { status: 'cancelled', errorMessage: '' });
}
