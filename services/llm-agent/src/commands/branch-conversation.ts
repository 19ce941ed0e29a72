import { ConversationCreatedSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { insertConversation } from '../db/conversation-repository.ts';
import { copyUses } from '../db/input-file-repository.ts';
import { copyMessages } from '../db/message-repository.ts';
import type { Schema } from '../db/schema.ts';
import { branch, type Conversation } from '../domain/conversation.ts';
import { toConversationMessage } from '../messages/conversation-message.ts';
import type { ConversationKeeping } from './create-conversation.ts';
import { holdConversation } from './hold-conversation.ts';

/** Nobody appends to the source, or takes a turn back, while its messages are copied. */
export async function branchConversation(
  { now, newId }: ConversationKeeping,
  tx: Tx<Schema>,
  wish: { conversationId: string; seq: number; title?: string | undefined },
): Promise<Conversation> {
  const from = await holdConversation(tx, wish.conversationId);
  const known = { id: newId(), createdBy: tx.scope.actor.id, now: now() };
  const conversation = await insertConversation(tx, branch(from, wish, known));
  await copyMessages(tx, from.id, conversation.id, wish.seq);
  await copyUses(tx, from.id, conversation.id, known.now);
  const message = { conversation: toConversationMessage(conversation) };
  await appendEvent(tx, { schema: ConversationCreatedSchema, message, id: conversation.id });
  return conversation;
}
