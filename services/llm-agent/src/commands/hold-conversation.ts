import type { Tx } from '@flotilla/postgres';
import { lockConversation } from '../db/conversation-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Conversation } from '../domain/conversation.ts';
import { conversationNotFound } from '../domain/not-found.ts';

/** The conversation, locked until commit; a removed one is not there. */
export async function holdConversation(tx: Tx<Schema>, id: string): Promise<Conversation> {
  const found = await lockConversation(tx, id);
  if (found === undefined || found.deletedAt !== undefined) throw conversationNotFound();
  return found.conversation;
}
