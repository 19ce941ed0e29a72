import type { Tx } from '@flotilla/postgres';
import { type Lease, lockLeased } from '../db/delivery-repository.ts';
import { saveStatus } from '../db/notification-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type Attempt, type Backoff, settle } from '../domain/notification.ts';
import { finishNotification } from './finish-notification.ts';

/** What settling needs from outside. */
export interface SettleAttempt {
  readonly now: () => Date;
  readonly random: () => number;
  readonly backoff: Backoff;
}

/** Writes how a try ended; nothing when the lease was lost meanwhile, for then another worker settles. */
export async function settleAttempt(
  { now, random, backoff }: SettleAttempt,
  tx: Tx<Schema>,
  lease: Lease,
  attempt: Attempt,
): Promise<void> {
  const notification = await lockLeased(tx, lease);
  if (notification === undefined) return;
  const at = now();
  const { finished, ...change } = settle(notification, attempt, { now: at, backoff, random: random() });
  if (finished) await finishNotification(at, tx, notification, change);
  else await saveStatus(tx, notification.id, { ...change, at });
}
