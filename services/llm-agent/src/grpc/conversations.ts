import type { ConversationService } from '@flotilla/contracts/agent';
import type { ServiceImplementation } from '@flotilla/grpc';
import { type Database, pageSizeOf, pageToken, toPage } from '@flotilla/postgres';
import { branchConversation } from '../commands/branch-conversation.ts';
import { type ConversationKeeping, createConversation } from '../commands/create-conversation.ts';
import { deleteConversation } from '../commands/delete-conversation.ts';
import { updateConversation } from '../commands/update-conversation.ts';
import { findConversation, listConversations } from '../db/conversation-repository.ts';
import type { Schema } from '../db/schema.ts';
import { conversationNotFound } from '../domain/not-found.ts';
import type { Conversing } from '../execution/conversing.ts';
import {
  toBusyPolicy,
  toConversationChange,
  toConversationMessage,
  toConversationWish,
  toMessageMessage,
  toRole,
} from '../messages/conversation-message.ts';
import { toExecutionMessage, toFollowedUpdate } from '../messages/execution-message.ts';
import { listMessages } from '../queries/list-messages.ts';

const exportFormat = 1;

export function conversations(
  db: Database<Schema>,
  keeping: ConversationKeeping,
  conversing: Conversing,
): ServiceImplementation<typeof ConversationService> {
  return {
    createConversation: (request, call) =>
      db.write(call, async (tx) =>
        toConversationMessage(await createConversation(keeping, tx, toConversationWish(request))),
      ),

    getConversation: (request, call) =>
      db.read(call, async (tx) => {
        const conversation = await findConversation(tx, request.id);
        if (conversation === undefined) throw conversationNotFound();
        return toConversationMessage(conversation);
      }),

    listConversations: (request, call) =>
      db.read(call, async (tx) => {
        const size = pageSizeOf(request.pageSize);
        const page = { cursor: pageToken.decode(request.pageToken), limit: size + 1 };
        const { rows, nextPageToken } = toPage(await listConversations(tx, request, page), size);
        return { conversations: rows.map(toConversationMessage), nextPageToken };
      }),

    updateConversation: (request, call) =>
      db.write(call, async (tx) => {
        const { id, etag } = request;
        const change = toConversationChange(request);
        return toConversationMessage(await updateConversation(tx, { id, etag, change }));
      }),

    deleteConversation: (request, call) =>
      db.write(call, async (tx) => {
        await deleteConversation(keeping, tx, request);
        return {};
      }),

    listMessages: (request, call) =>
      db.read(call, async (tx) => {
        const wish = { ...request, role: toRole(request.role), limit: pageSizeOf(request.pageSize) };
        const { messages, nextPageToken } = await listMessages(tx, wish);
        return { messages: messages.map(toMessageMessage), nextPageToken };
      }),

    sendMessage: async (request, call) => {
      const busyPolicy = toBusyPolicy(request.busyPolicy);
      const { execution, messages } = await conversing.send(call, { ...request, busyPolicy });
      return { execution: toExecutionMessage(execution), messages: messages.map(toMessageMessage) };
    },

    async *streamMessage(request, call) {
      const busyPolicy = toBusyPolicy(request.busyPolicy);
      for await (const news of conversing.stream(call, { ...request, busyPolicy })) yield toFollowedUpdate(news);
    },

    branchConversation: (request, call) =>
      db.write(call, async (tx) => toConversationMessage(await branchConversation(keeping, tx, request))),

    exportConversation: (request, call) =>
      db.read(call, async (tx) => {
        const wish = { ...request, role: undefined, limit: 500 };
        const { conversation, messages, nextPageToken } = await listMessages(tx, wish);
        return {
          formatVersion: exportFormat,
          conversation: toConversationMessage(conversation),
          messages: messages.map(toMessageMessage),
          nextPageToken,
        };
      }),
  };
}
