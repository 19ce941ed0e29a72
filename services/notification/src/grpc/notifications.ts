import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { NotificationService } from '@flotilla/contracts/notification';
import type { ServiceImplementation } from '@flotilla/grpc';
import { type Database, pageSizeOf, pageToken, toPage } from '@flotilla/postgres';
import type { AcceptNotification } from '../commands/accept-notification.ts';
import { cancelNotification } from '../commands/cancel-notification.ts';
import { readNotification } from '../commands/read-notification.ts';
import { revokeNotification } from '../commands/revoke-notification.ts';
import { keyRevoked, sendNotification } from '../commands/send-notification.ts';
import { findNotification, listNotifications } from '../db/notification-repository.ts';
import type { Schema } from '../db/schema.ts';
import { isKeyRevoked } from '../db/send-key-repository.ts';
import { notificationNotFound } from '../domain/notification.ts';
import { notificationStatusWords, priorityWords, toNotificationMessage } from '../messages/notification-message.ts';
import { channelWords } from '../messages/template-message.ts';

export function notifications(
  db: Database<Schema>,
  accepting: AcceptNotification,
  /** Something may be due. */
  wake: () => void,
): ServiceImplementation<typeof NotificationService> {
  return {
    sendNotification: async (request, call) => {
      const { recipientId, recipientAddress, templateId, metadata = {} } = request;
      const message = {
        recipientId,
        recipientAddress,
        templateId,
        values: request.variables ?? {},
        priority: priorityWords.wordOf(request.priority) ?? 'normal',
        scheduledAt: request.scheduleTime && timestampDate(request.scheduleTime),
        metadata,
      };
      const key = call.idempotency?.key;
      // A kept reply would be answered without running the command: the tombstone must win over it.
      if (key !== undefined && (await db.read(call, (tx) => isKeyRevoked(tx, key)))) throw keyRevoked();
      const reply = await db.write(call, async (tx) =>
        toNotificationMessage(await sendNotification(accepting, tx, message, key)),
      );
      wake();
      return reply;
    },
    getNotification: (request, call) =>
      db.read(call, async (tx) => {
        const notification = await findNotification(tx, request.id);
        if (notification === undefined) throw notificationNotFound();
        return toNotificationMessage(notification);
      }),
    listNotifications: (request, call) => {
      const size = pageSizeOf(request.pageSize);
      const filter = {
        recipientId: call.principal.userId,
        channel: channelWords.wordOf(request.channel),
        status: notificationStatusWords.wordOf(request.status),
        unread: request.unread,
      };
      const page = { cursor: pageToken.decode(request.pageToken), limit: size + 1 };
      return db.read(call, async (tx) => {
        const { rows, nextPageToken } = toPage(await listNotifications(tx, filter, page), size);
        return { notifications: rows.map(toNotificationMessage), nextPageToken };
      });
    },
    cancelNotification: (request, call) =>
      db.write(call, async (tx) => toNotificationMessage(await cancelNotification(accepting.now(), tx, request.id))),
    readNotification: (request, call) =>
      db.write(call, async (tx) => toNotificationMessage(await readNotification(accepting.now(), tx, request.id))),
    revokeNotification: (request, call) =>
      db.write(call, (tx) => revokeNotification(accepting.now(), tx, request.idempotencyKey)),
  };
}
