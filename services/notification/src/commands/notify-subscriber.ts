import type { DescMessage } from '@bufbuild/protobuf';
import { NotificationFinishedSchema } from '@flotilla/contracts/notification';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import type { JsonObject } from '@flotilla/expressions';
import type { Tx } from '@flotilla/postgres';
import { insertNotification } from '../db/notification-repository.ts';
import type { Schema } from '../db/schema.ts';
import { findTemplate } from '../db/template-repository.ts';
import type { Notification } from '../domain/notification.ts';
import { matchEvent, type Subscription } from '../domain/subscription.ts';
import { templateNotFound } from '../domain/template.ts';
import { toNotificationSummary } from '../messages/notification-message.ts';
import { type AcceptNotification, acceptNotification } from './accept-notification.ts';

/** Fulfils one wish for one event. What the author of the wish did wrong becomes a failed notification that they can see. */
export async function notifySubscriber(
  accepting: AcceptNotification,
  tx: Tx<Schema>,
  subscription: Subscription,
  event: { readonly json: JsonObject; readonly schema: DescMessage; readonly id: string },
): Promise<void> {
  const match = matchEvent(subscription, event.json, event.schema);
  if (match.kind === 'ignored') return;
  const metadata = { subscriptionId: subscription.id, eventId: event.id, eventType: event.schema.typeName };
  const template = await findTemplate(tx, subscription.templateId);
  if (match.kind === 'broken') {
    await keepBroken(accepting, tx, subscription, { metadata, reason: match.reason, channel: template?.channel });
    return;
  }
  try {
    if (template === undefined) throw templateNotFound();
    await acceptNotification(accepting, tx, template, {
      recipientId: match.recipientId,
      recipientAddress: subscription.recipientAddress,
      values: match.values,
      priority: 'normal',
      scheduledAt: undefined,
      metadata,
    });
  } catch (error) {
    if (!(error instanceof AppError) || (error.code !== 'invalid_argument' && error.code !== 'failed_precondition')) {
      throw error;
    }
    await keepBroken(accepting, tx, subscription, { metadata, reason: error.message, channel: template?.channel });
  }
}

async function keepBroken(
  { now, newId, maxRetries }: AcceptNotification,
  tx: Tx<Schema>,
  subscription: Subscription,
  broken: { metadata: Notification['metadata']; reason: string; channel: Notification['channel'] | undefined },
): Promise<void> {
  const notification: Notification = {
    id: newId(),
    recipientId: subscription.recipientId || subscription.createdBy,
    recipientAddress: subscription.recipientAddress,
    templateId: subscription.templateId,
    channel: broken.channel ?? 'in_app',
    priority: 'normal',
    status: 'failed',
    subject: '',
    body: '',
    metadata: broken.metadata,
    scheduledAt: undefined,
    sentAt: undefined,
    deliveredAt: undefined,
    readAt: undefined,
    errorMessage: broken.reason,
    retryCount: 0,
    maxRetries,
    createdAt: now(),
  };
  await insertNotification(tx, notification, { sendKey: undefined });
  const message = { notification: toNotificationSummary(notification) };
  await appendEvent(tx, { schema: NotificationFinishedSchema, message, id: notification.id });
}
