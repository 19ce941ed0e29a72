import type { AgentParameters } from '../domain/agent.ts';
import type { InputPart } from '../domain/input.ts';
import type { ToolCall } from '../domain/message.ts';
import type { JsonObject } from '../domain/output-schema.ts';
import type { Tokens } from '../domain/tokens.ts';
import type { ToolDeclaration } from '../tools/tool-port.ts';

export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
  /** Of the user: what is said after the content. */
  readonly parts?: readonly InputPart[];
  /** Of the assistant: the tools that it calls. */
  readonly toolCalls?: readonly ToolCall[];
  /** Of a tool: the call that it answers, and its name. */
  readonly toolCallId?: string;
  readonly toolName?: string;
}

export interface ModelCall {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly parameters: AgentParameters;
  readonly outputSchema: JsonObject | undefined;
  readonly tools: readonly ToolDeclaration[];
  /** The files that parts name, by their hashes; a provider is given them. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
}

export type AnswerPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'toolCall'; readonly call: ToolCall }
  | ({
      readonly type: 'end';
      readonly cutOff: boolean;
      /** Kept from before: the provider was not asked. */
      readonly cached?: boolean;
    } & Tokens);

/** The far side: one call is one request on the wire, never more. */
export interface ModelProvider {
  /** What agents call it. */
  readonly name: string;
  /** Parts as they come; the last one is the end. Throws {@link ProviderFailure}. Aborting closes the connection. */
  ask(call: ModelCall, signal: AbortSignal): AsyncIterable<AnswerPart>;
}

export type ProviderFailureReason =
  | 'PROVIDER_RATE_LIMITED'
  | 'PROVIDER_UNAVAILABLE'
  | 'PROVIDER_REFUSED'
  | 'PROVIDER_TIMEOUT'
  | 'PROVIDER_CIRCUIT_OPEN'
  | 'PROVIDER_REDIRECTED'
  | 'PROVIDER_ADDRESS_PRIVATE'
  | 'PROVIDER_INACTIVE'
  | 'PROVIDER_UNKNOWN'
  | 'PROVIDER_SECRET_UNREADABLE'
  | 'MODEL_NOT_OFFERED'
  | 'MODEL_INPUT_UNSUPPORTED'
  | 'PROVIDER_CREDENTIALS_REFUSED'
  | 'PROVIDER_ANSWER_INVALID'
  | 'PROVIDER_ANSWER_INCOMPLETE'
  | 'ANSWER_NOT_RECORDED'
  | 'OUTPUT_TOO_LARGE';

/** Why a call came to nothing. The message is public: it holds no key and nothing that the provider said about one. */
export class ProviderFailure extends Error {
  readonly reason: ProviderFailureReason;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(
    reason: ProviderFailureReason,
    message: string,
    options: { retryable: boolean; retryAfterMs?: number | undefined; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.reason = reason;
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
  }
}
