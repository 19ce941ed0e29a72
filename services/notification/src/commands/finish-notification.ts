import { NotificationFinishedSchema } from '@flotilla/contracts/notification';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { saveStatus } from '../db/notification-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Notification, NotificationState } from '../domain/notification.ts';
import { toNotificationSummary } from '../messages/notification-message.ts';

/** Brings a notification to its end and announces it. */
export async function finishNotification(
  now: Date,
  tx: Tx<Schema>,
  notification: Notification,
  end: { status: NotificationState; errorMessage: string },
): Promise<Notification> {
  const { status, errorMessage } = end;
  await saveStatus(tx, notification.id, { status, errorMessage, at: now });
  const isOut = status === 'sent' || status === 'delivered';
  const finished: Notification = {
    ...notification,
    status,
    errorMessage,
    ...(isOut && { sentAt: now }),
    ...(status === 'delivered' && { deliveredAt: now }),
  };
  const message = { notification: toNotificationSummary(finished) };
  await appendEvent(tx, { schema: NotificationFinishedSchema, message, id: finished.id });
  return finished;
}
