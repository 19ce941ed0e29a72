import type { Tx } from '@flotilla/postgres';
import { updateTurn } from '../db/conversation-repository.ts';
import type { Schema } from '../db/schema.ts';
import { boundedSummary } from '../domain/window.ts';
import type { DueSummary } from '../queries/find-due-summary.ts';
import { holdConversation } from './hold-conversation.ts';

/** Of two summaries that were made at the same time the first one is kept. */
export async function keepSummary(tx: Tx<Schema>, due: DueSummary, text: string): Promise<void> {
  const conversation = await holdConversation(tx, due.conversationId);
  const upToSeq = due.messages.at(-1)?.seq ?? 0;
  if (conversation.summarySeq !== due.summarySeq || upToSeq > conversation.messageCount) return;
  await updateTurn(tx, conversation.id, { summary: boundedSummary(text), summarySeq: upToSeq });
}
