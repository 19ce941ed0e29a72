import { ConversationDeletedSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import { markConversationDeleted } from '../db/conversation-repository.ts';
import { markCancelRequested } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { toConversationMessage } from '../messages/conversation-message.ts';
import { holdConversation } from './hold-conversation.ts';

/** The texts stay until they are purged. A turn that runs is cancelled; answers its execution. */
export async function deleteConversation(
  { now }: { readonly now: () => Date },
  tx: Tx<Schema>,
  { id, etag }: { id: string; etag: string },
): Promise<string | undefined> {
  const conversation = await holdConversation(tx, id);
  checkRevision(conversation, etag);
  await markConversationDeleted(tx, conversation, now());
  const { runningExecutionId } = conversation;
  if (runningExecutionId !== undefined) await markCancelRequested(tx, runningExecutionId, now());
  const message = { conversation: toConversationMessage(conversation) };
  await appendEvent(tx, { schema: ConversationDeletedSchema, message, id });
  return runningExecutionId;
}
