import { events } from '@flotilla/contracts';
import { SubscriptionCreatedSchema } from '@flotilla/contracts/notification';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { insertSubscription } from '../db/subscription-repository.ts';
import { holdTemplate } from '../db/template-repository.ts';
import { checkSubscription, type Subscription } from '../domain/subscription.ts';
import { checkActive, templateNotFound } from '../domain/template.ts';
import { toSubscriptionMessage } from '../messages/subscription-message.ts';

/** What subscribing needs from outside. */
export interface CreateSubscription {
  readonly now: () => Date;
  readonly newId: () => string;
}

export async function createSubscription(
  { now, newId }: CreateSubscription,
  tx: Tx<Schema>,
  wish: {
    eventType: string;
    filter: string;
    templateId: string;
    recipientId: string;
    recipientAddress: string;
    variables: Readonly<Record<string, string>>;
  },
): Promise<Subscription> {
  const event = events.find(({ schema }) => schema.typeName === wish.eventType);
  if (event === undefined) throw unknownEvent(wish.eventType);
  // A notification about notifications would cause the next one.
  if (event.topic === 'flotilla.notification.v1') {
    throw new AppError(
      'failed_precondition',
      'EVENT_TYPE_UNAVAILABLE',
      'Events of notifications cannot be subscribed to.',
    );
  }
  const template = await holdTemplate(tx, wish.templateId);
  if (template === undefined) throw templateNotFound();
  checkActive(template);
  const createdBy = tx.scope.userId ?? '';
  const subscription: Subscription = { ...wish, id: newId(), createdBy, revision: 1, createdAt: now() };
  checkSubscription(subscription, template, event.schema);
  await insertSubscription(tx, subscription);
  const message = { subscription: toSubscriptionMessage(subscription) };
  await appendEvent(tx, { schema: SubscriptionCreatedSchema, message, id: subscription.id });
  return subscription;
}

function unknownEvent(eventType: string): AppError {
  const message = `There is no event ${eventType}.`;
  return new AppError('invalid_argument', 'EVENT_TYPE_UNKNOWN', message, {
    violations: [{ field: 'event_type', reason: 'EVENT_TYPE_UNKNOWN', message }],
  });
}
