import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { ResponseTooLarge } from './bounded-fetch.ts';
import { type AnswerPart, type ModelCall, type ModelProvider, ProviderFailure } from './model-provider.ts';
import { toFailure } from './provider-failure.ts';
import { toSdkMessage, toSdkTools, toToolCall } from './tool-parts.ts';

/** What is asked of an adapter of the `ai` SDK, or of what speaks in its place. */
export interface StreamingModel {
  doStream(
    options: LanguageModelV4CallOptions,
  ): PromiseLike<{ readonly stream: AsyncIterable<LanguageModelV4StreamPart> }>;
}

/** What an adapter of the `ai` SDK is wrapped with. */
export interface SdkProviderSettings {
  readonly name: string;
  /** The SDK's model of a name. It must send by `boundedFetch`. */
  readonly model: (name: string) => StreamingModel;
  /** What the SDK's adapter is told besides what all know. */
  readonly options: LanguageModelV4CallOptions['providerOptions'];
  readonly key: string | undefined;
  readonly maxAnswerBytes: number;
  readonly timeoutMs: number | undefined;
}

/**
 * A provider by one of the SDK's adapters, which know the protocols; deadlines, bounds, retries and the ledger stay ours.
 * Answers are always streamed, so that large ones are cut off early.
 */
export function createSdkProvider(settings: SdkProviderSettings): ModelProvider {
  const { name, model, options, key, maxAnswerBytes, timeoutMs } = settings;
  return {
    name,
    async *ask(call, signal) {
      const timeout = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
      const abortSignal = timeout === undefined ? signal : AbortSignal.any([signal, timeout]);
      try {
        const asked = { ...toOptions(call), providerOptions: options ?? {}, abortSignal };
        const { stream } = await model(call.model).doStream(asked);
        yield* readAnswer(stream, maxAnswerBytes);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (timeout?.aborted) {
          const message = `The provider did not answer within ${timeoutMs} ms.`;
          throw new ProviderFailure('PROVIDER_TIMEOUT', message, { retryable: true });
        }
        throw toFailure(error, key);
      }
    },
  };
}

async function* readAnswer(
  stream: AsyncIterable<LanguageModelV4StreamPart>,
  maxBytes: number,
): AsyncIterable<AnswerPart> {
  let bytes = 0;
  for await (const part of stream) {
    if (part.type === 'error') throw part.error;
    if (part.type === 'text-delta' && part.delta !== '') {
      // Postgres stores no NUL.
      const text = part.delta.replaceAll('\u0000', '\ufffd');
      bytes += Buffer.byteLength(text);
      if (bytes > maxBytes) throw new ResponseTooLarge(maxBytes);
      yield { type: 'text', text };
    }
    if (part.type === 'tool-call') yield { type: 'toolCall', call: toToolCall(part) };
    if (part.type === 'finish') {
      // Some adapters make an end of their own where the stream just stops: only the provider's word counts.
      if (part.finishReason.raw === undefined) break;
      yield {
        type: 'end',
        cutOff: part.finishReason.unified === 'length',
        promptTokens: tokenCount(part.usage.inputTokens.total),
        cachedPromptTokens: tokenCount(part.usage.inputTokens.cacheRead),
        completionTokens: tokenCount(part.usage.outputTokens.total),
      };
      return;
    }
  }
  throw new ProviderFailure('PROVIDER_ANSWER_INVALID', 'The provider ended without an answer.', { retryable: false });
}

/** Whatever a provider says about tokens, the ledger can add it up. */
function tokenCount(said: number | undefined): number {
  return Number.isFinite(said) ? Math.min(Math.max(Math.trunc(said ?? 0), 0), 100_000_000) : 0;
}

function toOptions({ messages, parameters, outputSchema, tools }: ModelCall): LanguageModelV4CallOptions {
  const { temperature, maxTokens, topP, seed } = parameters;
  return {
    prompt: messages.map(toSdkMessage),
    ...toSdkTools(tools),
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxTokens === undefined ? {} : { maxOutputTokens: maxTokens }),
    ...(topP === undefined ? {} : { topP }),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(outputSchema === undefined
      ? {}
      : { responseFormat: { type: 'json', schema: outputSchema as Record<string, never>, name: 'answer' } }),
  };
}
