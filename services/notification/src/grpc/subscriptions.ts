import type { SubscriptionService } from '@flotilla/contracts/notification';
import type { ServiceImplementation } from '@flotilla/grpc';
import { type Database, pageSizeOf, pageToken, toPage } from '@flotilla/postgres';
import { type CreateSubscription, createSubscription } from '../commands/create-subscription.ts';
import { deleteSubscription } from '../commands/delete-subscription.ts';
import type { Schema } from '../db/schema.ts';
import { findSubscription, listSubscriptions } from '../db/subscription-repository.ts';
import { subscriptionNotFound } from '../domain/subscription.ts';
import { toSubscriptionMessage } from '../messages/subscription-message.ts';

export function subscriptions(
  db: Database<Schema>,
  creating: CreateSubscription,
): ServiceImplementation<typeof SubscriptionService> {
  return {
    getSubscription: (request, call) =>
      db.read(call, async (tx) => {
        const subscription = await findSubscription(tx, request.id);
        if (subscription === undefined) throw subscriptionNotFound();
        return toSubscriptionMessage(subscription);
      }),
    listSubscriptions: (request, call) => {
      const size = pageSizeOf(request.pageSize);
      const filter = { eventType: request.eventType };
      const page = { cursor: pageToken.decode(request.pageToken), limit: size + 1 };
      return db.read(call, async (tx) => {
        const { rows, nextPageToken } = toPage(await listSubscriptions(tx, filter, page), size);
        return { subscriptions: rows.map(toSubscriptionMessage), nextPageToken };
      });
    },
    createSubscription: (request, call) => {
      const { eventType, filter, templateId, recipientId, recipientAddress, variables } = request;
      const wish = { eventType, filter, templateId, recipientId, recipientAddress, variables };
      return db.write(call, async (tx) => toSubscriptionMessage(await createSubscription(creating, tx, wish)));
    },
    deleteSubscription: (request, call) =>
      db.write(call, async (tx) => {
        await deleteSubscription(creating.now(), tx, request.id);
        return {};
      }),
  };
}
