import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { SubscriptionSchema } from '@flotilla/contracts/notification';
import type { Subscription } from '../domain/subscription.ts';

export function toSubscriptionMessage(subscription: Subscription): MessageInitShape<typeof SubscriptionSchema> {
  return {
    id: subscription.id,
    eventType: subscription.eventType,
    filter: subscription.filter,
    templateId: subscription.templateId,
    recipientId: subscription.recipientId,
    recipientAddress: subscription.recipientAddress,
    variables: { ...subscription.variables },
    createTime: timestampFromDate(subscription.createdAt),
    etag: String(subscription.revision),
  };
}
