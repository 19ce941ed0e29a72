import { ConversationUpdatedSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import * as repository from '../db/conversation-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Conversation, ConversationChange } from '../domain/conversation.ts';
import { toConversationMessage } from '../messages/conversation-message.ts';
import { holdConversation } from './hold-conversation.ts';

export async function updateConversation(
  tx: Tx<Schema>,
  { id, etag, change }: { id: string; etag: string; change: ConversationChange },
): Promise<Conversation> {
  const before = await holdConversation(tx, id);
  checkRevision(before, etag);
  const conversation = await repository.updateConversation(tx, { ...before, ...change });
  const message = { conversation: toConversationMessage(conversation) };
  await appendEvent(tx, { schema: ConversationUpdatedSchema, message, id });
  return conversation;
}
