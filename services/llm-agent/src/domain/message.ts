import type { InputPart } from './input.ts';

/** A tool that the model wants called. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON, as the model wrote it. */
  readonly arguments: string;
}

/** What a model is told, besides the agent's own prompt. */
export interface Said {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
  /** Of the user: what was said besides the text. */
  readonly parts?: readonly InputPart[];
  /** Of the assistant. */
  readonly toolCalls?: readonly ToolCall[];
  /** Of a tool: the call that it answers. */
  readonly toolCallId?: string;
}

/** One message of a conversation, as it is kept. */
export interface Message {
  readonly id: string;
  readonly conversationId: string;
  /** Contiguous, from 1. */
  readonly seq: number;
  readonly role: 'user' | 'assistant' | 'tool';
  readonly content: string;
  /** Of the user: what was said besides the text. */
  readonly parts: readonly InputPart[];
  readonly toolCalls: readonly ToolCall[];
  readonly toolCallId: string;
  readonly executionId: string | undefined;
  readonly interrupted: boolean;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly model: string;
  readonly latencyMs: number | undefined;
  readonly createdAt: Date;
}
