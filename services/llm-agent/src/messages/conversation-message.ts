import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  BusyPolicy as BusyPolicyMessage,
  type ConversationSchema,
  type CreateConversationRequest,
  MessageRole,
  type MessageSchema,
  type UpdateConversationRequest,
  type WindowPolicy as WindowPolicyMessage,
} from '@flotilla/contracts/agent';
import {
  type BusyPolicy,
  type Conversation,
  type ConversationChange,
  type ConversationWish,
  defaultWindow,
  type WindowPolicy,
} from '../domain/conversation.ts';
import type { Message } from '../domain/message.ts';
import { toInputPartMessage } from './input-message.ts';

const policyMessages: Record<BusyPolicy, BusyPolicyMessage> = {
  reject: BusyPolicyMessage.REJECT,
  enqueue: BusyPolicyMessage.ENQUEUE,
  interrupt: BusyPolicyMessage.INTERRUPT,
  roll_back: BusyPolicyMessage.ROLL_BACK,
};

const roleMessages: Record<Message['role'], MessageRole> = {
  user: MessageRole.USER,
  assistant: MessageRole.ASSISTANT,
  tool: MessageRole.TOOL,
};

export function toConversationMessage(conversation: Conversation): MessageInitShape<typeof ConversationSchema> {
  return {
    id: conversation.id,
    agentId: conversation.agentId,
    title: conversation.title,
    window: { ...conversation.window },
    busyPolicy: policyMessages[conversation.busyPolicy],
    messageCount: conversation.messageCount,
    runningExecutionId: conversation.runningExecutionId ?? '',
    branchedFromId: conversation.branchedFromId ?? '',
    branchedFromSeq: conversation.branchedFromSeq,
    createdBy: conversation.createdBy,
    createTime: timestampFromDate(conversation.createdAt),
    updateTime: timestampFromDate(conversation.updatedAt),
    etag: String(conversation.revision),
  };
}

export function toMessageMessage(message: Message): MessageInitShape<typeof MessageSchema> {
  return {
    id: message.id,
    conversationId: message.conversationId,
    seq: message.seq,
    role: roleMessages[message.role],
    content: message.content,
    parts: message.parts.map(toInputPartMessage),
    toolCalls: message.toolCalls.map((call) => ({ ...call })),
    toolCallId: message.toolCallId,
    executionId: message.executionId ?? '',
    interrupted: message.interrupted,
    promptTokens: message.promptTokens,
    completionTokens: message.completionTokens,
    model: message.model,
    ...(message.latencyMs === undefined ? {} : { latency: durationFromMs(message.latencyMs) }),
    createTime: timestampFromDate(message.createdAt),
  };
}

export function toConversationWish(request: CreateConversationRequest): ConversationWish {
  const { agentId, title } = request;
  return { agentId, title, window: toWindow(request.window), busyPolicy: toBusyPolicy(request.busyPolicy) ?? 'reject' };
}

/** What is not set stays as it is. */
export function toConversationChange(request: UpdateConversationRequest): ConversationChange {
  const busyPolicy = toBusyPolicy(request.busyPolicy);
  return {
    ...(request.title === undefined ? {} : { title: request.title }),
    ...(request.window === undefined ? {} : { window: toWindow(request.window) }),
    ...(busyPolicy === undefined ? {} : { busyPolicy }),
  };
}

/** Undefined for "unspecified". */
export function toBusyPolicy(message: BusyPolicyMessage | undefined): BusyPolicy | undefined {
  return (Object.keys(policyMessages) as BusyPolicy[]).find((policy) => policyMessages[policy] === message);
}

/** Undefined for "unspecified". */
export function toRole(message: MessageRole): Message['role'] | undefined {
  return (Object.keys(roleMessages) as Message['role'][]).find((role) => roleMessages[role] === message);
}

function toWindow(message: WindowPolicyMessage | undefined): WindowPolicy {
  if (message === undefined) return defaultWindow;
  const { lastMessages, tokenBudget, summary } = message;
  return { lastMessages: lastMessages === 0 ? defaultWindow.lastMessages : lastMessages, tokenBudget, summary };
}
