import type { Tx } from '@flotilla/postgres';
import { lockNotificationsOfKey } from '../db/notification-repository.ts';
import type { Schema } from '../db/schema.ts';
import { revokeKey } from '../db/send-key-repository.ts';
import { canCancel } from '../domain/notification.ts';
import { finishNotification } from './finish-notification.ts';

/** What became of the notification of a key. */
export interface Revocation {
  /** Empty where nothing had been accepted. */
  readonly notificationId: string;
  /** Nothing left, nor will. False where the message is on its way or gone. */
  readonly withdrawn: boolean;
}

/**
 * The undo of sending: withdraws what waits and leaves a tombstone that refuses the key from then on, so that a late
 * send does nothing. Repeating it changes nothing.
 */
export async function revokeNotification(now: Date, tx: Tx<Schema>, sendKey: string): Promise<Revocation> {
  await revokeKey(tx, sendKey, now);
  const accepted = await lockNotificationsOfKey(tx, sendKey);
  let withdrawn = true;
  for (const notification of accepted) {
    if (canCancel(notification)) {
      await finishNotification(now, tx, notification, { status: 'cancelled', errorMessage: '' });
    } else if (notification.status !== 'cancelled' && notification.status !== 'failed') {
      withdrawn = false;
    }
  }
  return { notificationId: accepted[0]?.id ?? '', withdrawn };
}
