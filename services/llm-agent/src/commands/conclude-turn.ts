import { ConversationTurnEndedSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import { newId, type Tx } from '@flotilla/postgres';
import { lastModelOf } from '../db/attempt-repository.ts';
import { lockConversation, updateTurn } from '../db/conversation-repository.ts';
import { deleteMessagesOf, insertMessages } from '../db/message-repository.ts';
import { listRecordedAnswers } from '../db/recorded-answer-repository.ts';
import type { Schema } from '../db/schema.ts';
import { listToolCalls } from '../db/tool-call-repository.ts';
import { textSaidIn } from '../db/update-repository.ts';
import type { Conversation } from '../domain/conversation.ts';
import type { Execution } from '../domain/execution.ts';
import type { Message } from '../domain/message.ts';
import { toExecutionStatusMessage } from '../messages/execution-message.ts';

/** Ends the turn of an execution that was just finished, where it is one; in the transaction that finishes it. */
export interface TurnEnd {
  conclude(finished: Execution): Promise<void>;
}

/** Locks the conversation before the execution is written, in the order in which everybody locks the two. */
export async function holdTurn(tx: Tx<Schema>, execution: Execution): Promise<TurnEnd> {
  const { conversationId, id } = execution;
  const found = conversationId === undefined ? undefined : await lockConversation(tx, conversationId);
  const isItsTurn = found?.conversation.runningExecutionId === id;
  return {
    conclude: async (finished) => (found && isItsTurn ? concludeTurn(tx, found.conversation, finished) : undefined),
  };
}

async function concludeTurn(tx: Tx<Schema>, conversation: Conversation, execution: Execution): Promise<void> {
  const rolledBack = conversation.interruption === 'roll_back';
  const messageCount = rolledBack
    ? conversation.messageCount - (await deleteMessagesOf(tx, conversation.id, execution.id))
    : conversation.messageCount + (await keepAnswer(tx, conversation, execution));
  await updateTurn(tx, conversation.id, { runningExecutionId: null, interruption: null, messageCount });
  await appendEvent(tx, {
    schema: ConversationTurnEndedSchema,
    message: {
      conversationId: conversation.id,
      agentId: conversation.agentId,
      executionId: execution.id,
      status: toExecutionStatusMessage(execution.status),
      messageCount,
      rolledBack,
    },
    id: conversation.id,
  });
}

/** Answers how many messages were added. What was said before an interruption was said. */
async function keepAnswer(tx: Tx<Schema>, conversation: Conversation, execution: Execution): Promise<number> {
  const interrupted = conversation.interruption === 'interrupt' && execution.status === 'cancelled';
  const content = interrupted ? await textSaidIn(tx, execution.id) : execution.response;
  if (execution.status !== 'completed' && content === '') return 0;
  const said: readonly Partial<Message>[] = [
    // Of a turn that broke off, a call may have no result: providers refuse to be told so.
    ...(execution.status === 'completed' ? await toolMessages(tx, execution) : []),
    {
      role: 'assistant',
      content,
      interrupted,
      promptTokens: execution.promptTokens,
      completionTokens: execution.completionTokens,
      model: await lastModelOf(tx, execution.id),
      latencyMs: execution.latencyMs,
    },
  ];
  await insertMessages(
    tx,
    said.map((message, index) => ({
      ...blank,
      ...message,
      id: newId(),
      conversationId: conversation.id,
      seq: conversation.messageCount + 1 + index,
      executionId: execution.id,
      createdAt: execution.completedAt ?? execution.createdAt,
    })),
  );
  return said.length;
}

const blank = {
  role: 'assistant',
  content: '',
  parts: [],
  toolCalls: [],
  toolCallId: '',
  interrupted: false,
  promptTokens: 0,
  completionTokens: 0,
  model: '',
  latencyMs: undefined,
} as const;

/** Each round of tool calls: what the model said and wanted, then what the tools answered. */
async function toolMessages(tx: Tx<Schema>, execution: Execution): Promise<Partial<Message>[]> {
  const calls = await listToolCalls(tx, execution.id);
  if (calls.length === 0) return [];
  const answers = new Map((await listRecordedAnswers(tx, execution)).map((answer) => [answer.attempt, answer]));
  return [...Map.groupBy(calls, ({ attempt }) => attempt)].flatMap(([attempt, round]) => {
    const { text = '', toolCalls = [] } = answers.get(attempt) ?? {};
    const results = round.map(({ callId, status, result, errorReason }): Partial<Message> => {
      return {
        role: 'tool',
        toolCallId: callId,
        content: status === 'succeeded' ? result : `${errorReason}: ${result}`,
      };
    });
    return [{ role: 'assistant', content: text, toolCalls }, ...results];
  });
}
