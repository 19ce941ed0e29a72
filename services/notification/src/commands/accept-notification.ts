import { NotificationAcceptedSchema } from '@flotilla/contracts/notification';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { insertNotification } from '../db/notification-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { TextWriter } from '../domain/liquid-text.ts';
import { checkAddress, type Notification, type Priority } from '../domain/notification.ts';
import { checkActive, checkValues, type Template } from '../domain/template.ts';
import { toNotificationSummary } from '../messages/notification-message.ts';

/** What accepting needs from outside. */
export interface AcceptNotification {
  readonly now: () => Date;
  readonly newId: () => string;
  readonly writer: TextWriter;
  readonly maxRetries: number;
}

/** Who is told what. */
export interface Message {
  readonly recipientId: string;
  readonly recipientAddress: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly priority: Priority;
  readonly scheduledAt: Date | undefined;
  readonly metadata: Notification['metadata'];
}

/** Writes the texts now, so that a later change of the template cannot change what was accepted; a worker sends them. */
export async function acceptNotification(
  { now, newId, writer, maxRetries }: AcceptNotification,
  tx: Tx<Schema>,
  template: Template,
  { values, ...message }: Message,
  sendKey?: string,
): Promise<Notification> {
  checkActive(template);
  checkAddress(template.channel, message.recipientAddress);
  checkValues(template, Object.keys(values));
  const notification: Notification = {
    ...message,
    id: newId(),
    templateId: template.id,
    channel: template.channel,
    status: 'pending',
    subject: writer.write('subject', template.subject, values),
    body: writer.write('body', template.body, values),
    sentAt: undefined,
    deliveredAt: undefined,
    readAt: undefined,
    errorMessage: '',
    retryCount: 0,
    maxRetries,
    createdAt: now(),
  };
  await insertNotification(tx, notification, { sendKey });
  const summary = { notification: toNotificationSummary(notification) };
  await appendEvent(tx, { schema: NotificationAcceptedSchema, message: summary, id: notification.id });
  return notification;
}
