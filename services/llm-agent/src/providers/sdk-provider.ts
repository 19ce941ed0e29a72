import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { abortAfter } from '@flotilla/grpc';
import { ResponseTooLarge } from './bounded-fetch.ts';
import { type AnswerPart, type ModelCall, type ModelProvider, ProviderFailure } from './model-provider.ts';
import { incomplete, noAnswer, toFailure } from './provider-failure.ts';
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
  /** Of a whole call. */
  readonly timeoutMs: number;
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
      const deadline = abortAfter(signal, timeoutMs, () => {
        const message = `The provider did not come to an end within ${timeoutMs} ms.`;
        return new ProviderFailure('PROVIDER_TIMEOUT', message, { retryable: true });
      });
      try {
        const asked = { ...toOptions(call), providerOptions: options ?? {}, abortSignal: deadline.signal };
        const { stream } = await model(call.model).doStream(asked);
        yield* readAnswer(stream, maxAnswerBytes);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw toFailure(deadline.signal.aborted ? deadline.signal.reason : error, key);
      } finally {
        deadline.clear();
      }
    },
  };
}

async function* readAnswer(
  stream: AsyncIterable<LanguageModelV4StreamPart>,
  maxBytes: number,
): AsyncIterable<AnswerPart> {
  let bytes = 0;
  let begun = false;
  for await (const part of stream) {
    if (part.type === 'error') throw part.error;
    // Adapters say the first by themselves, the last also when the stream just stops.
    if (part.type !== 'stream-start' && part.type !== 'finish') begun = true;
    if (part.type === 'text-delta' && part.delta !== '') {
      // Postgres stores no NUL.
      const text = part.delta.replaceAll('\u0000', '\ufffd');
      bytes += Buffer.byteLength(text);
      if (bytes > maxBytes) throw new ResponseTooLarge(maxBytes);
      yield { type: 'text', text };
    }
    if (part.type === 'tool-call') yield { type: 'toolCall', call: toToolCall(part) };
    if (part.type === 'finish') {
      // Only the provider's word is an end.
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
  throw begun ? incomplete() : noAnswer();
}

/** Whatever a provider says about tokens, the ledger can add it up. */
function tokenCount(said: number | undefined): number {
  return Number.isFinite(said) ? Math.min(Math.max(Math.trunc(said ?? 0), 0), 100_000_000) : 0;
}

function toOptions({
  messages,
  parameters,
  outputSchema,
  tools,
  files = new Map(),
}: ModelCall): LanguageModelV4CallOptions {
  const { temperature, maxTokens, topP, seed } = parameters;
  return {
    prompt: messages.map((message) => toSdkMessage(message, files)),
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
