import { pageToken, type ReadTx } from '@flotilla/postgres';
import { findConversation } from '../db/conversation-repository.ts';
import { listMessages as list, seqOf } from '../db/message-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Conversation } from '../domain/conversation.ts';
import type { Message } from '../domain/message.ts';
import { conversationNotFound } from '../domain/not-found.ts';

/** Texts of a page together: messages can be large. */
const maxPageBytes = 1_500_000;

/** A page of a conversation's messages in their order, fewer where they are large, one at least. */
export async function listMessages(
  tx: ReadTx<Schema>,
  wish: { conversationId: string; pageToken: string; role: Message['role'] | undefined; limit: number },
): Promise<{ conversation: Conversation; messages: readonly Message[]; nextPageToken: string }> {
  const conversation = await findConversation(tx, wish.conversationId);
  if (conversation === undefined) throw conversationNotFound();
  const cursor = pageToken.decode(wish.pageToken);
  // The last message of the page before; where it was taken back, the list begins again.
  const afterSeq = cursor === undefined ? 0 : ((await seqOf(tx, conversation.id, cursor.id)) ?? 0);
  const { role, limit } = wish;
  const { messages, more } = await list(tx, conversation.id, { afterSeq, role, limit, bytes: maxPageBytes });
  const last = messages.at(-1);
  return { conversation, messages, nextPageToken: more && last ? pageToken.encode({ id: last.id }) : '' };
}
