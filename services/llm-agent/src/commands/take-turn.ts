import { AppError } from '@flotilla/errors';
import type { Tx } from '@flotilla/postgres';
import { updateTurn } from '../db/conversation-repository.ts';
import { insertMessages, newestMessages } from '../db/message-repository.ts';
import type { Schema } from '../db/schema.ts';
import { leaveQueue, queueOf } from '../db/turn-queue-repository.ts';
import { type BusyPolicy, type Conversation, checkRoom } from '../domain/conversation.ts';
import type { GivenInput } from '../domain/input.ts';
import { toContext, windowLimits } from '../domain/window.ts';
import { holdConversation } from './hold-conversation.ts';
import { type ExecutionStart, startExecution, type Task } from './start-execution.ts';

/** What somebody says in a conversation. */
export interface TurnWish {
  readonly conversationId: string;
  readonly content: string;
  readonly input: GivenInput;
  readonly agentVersion: number;
  /** Undefined means the conversation's. */
  readonly busyPolicy: BusyPolicy | undefined;
  /** Of this caller in the queue. */
  readonly ticket: string;
}

/** It is not this caller's turn yet: nothing was written. */
export class TurnTaken extends Error {}

/**
 * Begins a turn: the message, its execution and the conversation's mark are one transaction, so that of two callers on
 * two replicas one has the turn. Throws {@link TurnTaken}, or CONVERSATION_BUSY where the policy is to refuse.
 */
export async function takeTurn(start: ExecutionStart, tx: Tx<Schema>, wish: TurnWish): Promise<Task> {
  const conversation = await holdConversation(tx, wish.conversationId);
  if (!(await isFree(tx, conversation, wish.ticket))) {
    if ((wish.busyPolicy ?? conversation.busyPolicy) !== 'reject') throw new TurnTaken();
    throw new AppError('aborted', 'CONVERSATION_BUSY', 'A turn of this conversation is running.');
  }
  checkRoom(conversation);
  await leaveQueue(tx, conversation.id, wish.ticket);
  const { summary, summarySeq } = conversation;
  const limits = windowLimits(conversation.window);
  const window = await newestMessages(tx, conversation.id, { afterSeq: summarySeq, ...limits });
  const task = await startExecution(start, tx, {
    agentId: conversation.agentId,
    agentVersion: wish.agentVersion,
    prompt: wish.content,
    input: wish.input,
    splitKey: conversation.id,
    conversationId: conversation.id,
    context: toContext(window, summary),
  });
  const executionId = task.execution.id;
  const seq = conversation.messageCount + 1;
  await insertMessages(tx, [
    {
      id: start.newId(),
      conversationId: conversation.id,
      seq,
      role: 'user',
      content: wish.content,
      parts: wish.input.parts,
      toolCalls: [],
      toolCallId: '',
      executionId,
      interrupted: false,
      promptTokens: 0,
      completionTokens: 0,
      model: '',
      latencyMs: undefined,
      createdAt: task.execution.createdAt,
    },
  ]);
  await updateTurn(tx, conversation.id, { runningExecutionId: executionId, messageCount: seq });
  return task;
}

/** Whoever waits is served before whoever just came. */
async function isFree(tx: Tx<Schema>, conversation: Conversation, ticket: string): Promise<boolean> {
  if (conversation.runningExecutionId !== undefined) return false;
  const queue = await queueOf(tx, conversation.id);
  return queue === undefined || queue.firstTicket === ticket;
}
