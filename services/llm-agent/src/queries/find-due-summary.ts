import type { ReadTx } from '@flotilla/postgres';
import { findConversation } from '../db/conversation-repository.ts';
import { listMessages, newestMessages } from '../db/message-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Message } from '../domain/message.ts';
import { conversationNotFound } from '../domain/not-found.ts';
import { summaryDue, transcriptBytes, windowLimits } from '../domain/window.ts';

/** What has fallen out of a conversation's window and is in no summary yet. */
export interface DueSummary {
  readonly conversationId: string;
  readonly agentId: string;
  readonly summary: string;
  readonly summarySeq: number;
  readonly messages: readonly Message[];
}

export async function findDueSummary(tx: ReadTx<Schema>, conversationId: string): Promise<DueSummary | undefined> {
  const conversation = await findConversation(tx, conversationId);
  if (conversation === undefined) throw conversationNotFound();
  const { agentId, summary, summarySeq, window: policy, messageCount, runningExecutionId } = conversation;
  // While a turn runs, its messages may be taken back: whoever comes after it sums up.
  if (!policy.summary || runningExecutionId !== undefined) return undefined;
  const window = await newestMessages(tx, conversationId, { afterSeq: summarySeq, ...windowLimits(policy) });
  const upToSeq = summaryDue(policy, window, { summarySeq, messageCount });
  if (upToSeq === undefined) return undefined;
  const wish = { afterSeq: summarySeq, upToSeq, limit: upToSeq - summarySeq, bytes: transcriptBytes };
  const { messages } = await listMessages(tx, conversationId, wish);
  return messages.length === 0 ? undefined : { conversationId, agentId, summary, summarySeq, messages };
}
