import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { enumWords } from '@flotilla/contracts';
import {
  type NotificationSchema,
  NotificationStatus,
  type NotificationSummarySchema,
  Priority,
} from '@flotilla/contracts/notification';
import { type Notification, notificationStates, priorities } from '../domain/notification.ts';
import { channelWords } from './template-message.ts';

export const priorityWords = enumWords(Priority, priorities);
export const notificationStatusWords = enumWords(NotificationStatus, notificationStates);

export function toNotificationMessage(notification: Notification): MessageInitShape<typeof NotificationSchema> {
  return {
    ...toNotificationSummary(notification),
    recipientAddress: notification.recipientAddress,
    subject: notification.subject,
    body: notification.body,
    metadata: notification.metadata as JsonObject,
    ...(notification.scheduledAt && { scheduleTime: timestampFromDate(notification.scheduledAt) }),
    ...(notification.sentAt && { sendTime: timestampFromDate(notification.sentAt) }),
    ...(notification.deliveredAt && { deliverTime: timestampFromDate(notification.deliveredAt) }),
    ...(notification.readAt && { readTime: timestampFromDate(notification.readAt) }),
    errorMessage: notification.errorMessage,
    maxRetries: notification.maxRetries,
    createTime: timestampFromDate(notification.createdAt),
  };
}

/** Without texts and addresses: what events say of a notification. */
export function toNotificationSummary(notification: Notification) {
  return {
    id: notification.id,
    recipientId: notification.recipientId,
    templateId: notification.templateId,
    channel: channelWords.valueOf(notification.channel),
    priority: priorityWords.valueOf(notification.priority),
    status: notificationStatusWords.valueOf(notification.status),
    retryCount: notification.retryCount,
  } satisfies MessageInitShape<typeof NotificationSummarySchema>;
}
