import { ConversationCreatedSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { findAgent } from '../db/agent-repository.ts';
import { insertConversation } from '../db/conversation-repository.ts';
import type { Schema } from '../db/schema.ts';
import { beginConversation, type Conversation, type ConversationWish } from '../domain/conversation.ts';
import { agentNotFound } from '../domain/not-found.ts';
import { toConversationMessage } from '../messages/conversation-message.ts';

/** What keeping conversations needs from outside. */
export interface ConversationKeeping {
  readonly now: () => Date;
  readonly newId: () => string;
}

export async function createConversation(
  { now, newId }: ConversationKeeping,
  tx: Tx<Schema>,
  wish: ConversationWish,
): Promise<Conversation> {
  if ((await findAgent(tx, wish.agentId)) === undefined) throw agentNotFound();
  const known = { id: newId(), createdBy: tx.scope.actor.id, now: now() };
  const conversation = await insertConversation(tx, beginConversation(wish, known));
  const message = { conversation: toConversationMessage(conversation) };
  await appendEvent(tx, { schema: ConversationCreatedSchema, message, id: conversation.id });
  return conversation;
}
