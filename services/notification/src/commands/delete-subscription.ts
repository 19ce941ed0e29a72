import { SubscriptionDeletedSchema } from '@flotilla/contracts/notification';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { lockSubscription, markSubscriptionDeleted } from '../db/subscription-repository.ts';
import { subscriptionNotFound } from '../domain/subscription.ts';
import { toSubscriptionMessage } from '../messages/subscription-message.ts';

export async function deleteSubscription(now: Date, tx: Tx<Schema>, id: string): Promise<void> {
  const subscription = await lockSubscription(tx, id);
  if (subscription === undefined) throw subscriptionNotFound();
  await markSubscriptionDeleted(tx, subscription, now);
  const message = { subscription: toSubscriptionMessage(subscription) };
  await appendEvent(tx, { schema: SubscriptionDeletedSchema, message, id });
}
