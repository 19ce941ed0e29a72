import { AppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import { updateTurn } from '../db/conversation-repository.ts';
import { markCancelRequested } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { queueOf, queueUp } from '../db/turn-queue-repository.ts';
import { holdConversation } from './hold-conversation.ts';
import type { TurnWish } from './take-turn.ts';

const maxWaiting = 50;

/** How a conversation stands for somebody who waits. */
export interface Waiting {
  /** Whether it may be this caller's turn now. */
  readonly free: boolean;
  /** What it waits for. */
  readonly executionId: string | undefined;
  /** Whether that is to be stopped. */
  readonly stop: boolean;
}

/**
 * Waits in the order of arrival. Whoever is first and does not want to wait leaves word that the running turn is to
 * stop, and what is to become of it.
 */
export async function awaitTurn(
  { now }: { readonly now: () => Date },
  tx: Tx<Schema>,
  wish: TurnWish & { readonly keepMs: number },
): Promise<Waiting> {
  const conversation = await holdConversation(tx, wish.conversationId);
  await queueUp(tx, conversation.id, wish);
  const queue = await queueOf(tx, conversation.id);
  if ((queue?.length ?? 0) > maxWaiting) {
    const message = `At most ${maxWaiting} messages wait for their turn in a conversation.`;
    throw new AppError('resource_exhausted', 'CONVERSATION_QUEUE_FULL', message, { retryAfterMs: 1_000 });
  }
  const isFirst = queue?.firstTicket === wish.ticket;
  const executionId = conversation.runningExecutionId;
  const policy = wish.busyPolicy ?? conversation.busyPolicy;
  const stop = isFirst && executionId !== undefined && (policy === 'interrupt' || policy === 'roll_back');
  if (stop && conversation.interruption === undefined) {
    await updateTurn(tx, conversation.id, { interruption: policy });
    await markCancelRequested(tx, executionId, now());
  }
  return { free: isFirst && executionId === undefined, executionId, stop };
}
