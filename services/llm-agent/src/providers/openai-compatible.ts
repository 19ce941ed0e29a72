import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, type LanguageModelV4CallOptions, type LanguageModelV4StreamPart } from '@ai-sdk/provider';
import { boundedFetch, ResponseTooLarge } from './bounded-fetch.ts';
import {
  type AnswerPart,
  type Message,
  type ModelCall,
  type ModelProvider,
  ProviderFailure,
} from './model-provider.ts';

export interface OpenAICompatibleSettings {
  readonly name: string;
  /** Up to and with the version, for example `http://localhost:11434/v1`. */
  readonly url: string;
  readonly key: string | undefined;
  readonly maxAnswerBytes: number;
}

/** A provider that speaks OpenAI's chat completions. Answers are always streamed, so that large ones are cut off early. */
export function createOpenAICompatibleProvider(settings: OpenAICompatibleSettings): ModelProvider {
  const { name, url, key, maxAnswerBytes } = settings;
  const api = createOpenAICompatible({
    name,
    baseURL: url,
    ...(key === undefined ? {} : { apiKey: key }),
    includeUsage: true,
    supportsStructuredOutputs: true,
    fetch: boundedFetch(maxAnswerBytes),
  });
  return {
    name,
    async *ask(call, signal) {
      try {
        const { stream } = await api.chatModel(call.model).doStream({ ...toOptions(call), abortSignal: signal });
        yield* readAnswer(stream, maxAnswerBytes);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw toFailure(error, key);
      }
    },
  };
}

async function* readAnswer(
  stream: ReadableStream<LanguageModelV4StreamPart>,
  maxBytes: number,
): AsyncIterable<AnswerPart> {
  let bytes = 0;
  for await (const part of stream) {
    if (part.type === 'error') throw part.error;
    if (part.type === 'text-delta') {
      // Postgres stores no NUL.
      const text = part.delta.replaceAll('\u0000', '\ufffd');
      bytes += Buffer.byteLength(text);
      if (bytes > maxBytes) throw new ResponseTooLarge(maxBytes);
      yield { type: 'text', text };
    }
    if (part.type === 'finish') {
      yield {
        type: 'end',
        cutOff: part.finishReason.unified === 'length',
        promptTokens: tokenCount(part.usage.inputTokens.total),
        cachedPromptTokens: tokenCount(part.usage.inputTokens.cacheRead),
        completionTokens: tokenCount(part.usage.outputTokens.total),
      };
    }
  }
}

/** Whatever a provider says about tokens, the ledger can add it up. */
function tokenCount(said: number | undefined): number {
  return Number.isFinite(said) ? Math.min(Math.max(Math.trunc(said ?? 0), 0), 100_000_000) : 0;
}

function toOptions({ messages, parameters, outputSchema }: ModelCall): LanguageModelV4CallOptions {
  const { temperature, maxTokens, topP, seed } = parameters;
  return {
    prompt: messages.map(toPrompt),
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxTokens === undefined ? {} : { maxOutputTokens: maxTokens }),
    ...(topP === undefined ? {} : { topP }),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(outputSchema === undefined
      ? {}
      : { responseFormat: { type: 'json', schema: outputSchema as Record<string, never>, name: 'answer' } }),
    // Strict mode knows a small part of JSON Schema only; answers are held against the whole schema here.
    providerOptions: { openaiCompatible: { strictJsonSchema: false } },
  };
}

function toPrompt({ role, content }: Message): LanguageModelV4CallOptions['prompt'][number] {
  return role === 'system' ? { role, content } : { role, content: [{ type: 'text', text: content }] };
}

function toFailure(error: unknown, key: string | undefined): ProviderFailure {
  if (error instanceof ProviderFailure) return error;
  const tooLarge = causes(error).find((cause) => cause instanceof ResponseTooLarge);
  if (tooLarge) return new ProviderFailure('OUTPUT_TOO_LARGE', tooLarge.message, { retryable: false });
  if (!APICallError.isInstance(error)) {
    // What broke while the body was read (a reset, an early end of the stream) can be tried again; what was read and is
    // no answer stays none.
    return causes(error).some(isConnectionError)
      ? new ProviderFailure('PROVIDER_UNAVAILABLE', 'The connection to the provider broke.', { retryable: true })
      : new ProviderFailure('PROVIDER_ANSWER_INVALID', 'The provider sent something that is no answer.', {
          retryable: false,
        });
  }
  const { statusCode: status, responseHeaders } = error;
  if (status === undefined || (status < 400 && error.isRetryable)) {
    return new ProviderFailure('PROVIDER_UNAVAILABLE', 'The provider cannot be reached.', { retryable: true });
  }
  const retryAfterMs = parseRetryAfter(responseHeaders?.['retry-after'], Date.now());
  if (status === 429) {
    return new ProviderFailure('PROVIDER_RATE_LIMITED', 'The provider limits the rate of calls.', {
      retryable: true,
      retryAfterMs,
    });
  }
  if (status >= 500 || status === 408) {
    const message = `The provider answered with status ${status}.`;
    return new ProviderFailure('PROVIDER_UNAVAILABLE', message, { retryable: true, retryAfterMs });
  }
  if (status === 401 || status === 403) {
    const message = "The provider refused the fleet's credentials.";
    return new ProviderFailure('PROVIDER_CREDENTIALS_REFUSED', message, { retryable: false });
  }
  if (status >= 400) {
    const said = withoutKey(error.message, key).slice(0, 300);
    const message = `The provider refused the call with status ${status}: ${said}`;
    return new ProviderFailure('PROVIDER_REFUSED', message, { retryable: false });
  }
  return new ProviderFailure('PROVIDER_ANSWER_INVALID', 'The provider sent something that is no answer.', {
    retryable: false,
  });
}

/** The error and what is behind it. */
function causes(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let cause = error; cause instanceof Error && chain.length < 8; cause = cause.cause) chain.push(cause);
  return chain;
}

function isConnectionError(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : '';
  return /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_|UND_ERR)/.test(code) || error.message === 'terminated';
}

function withoutKey(message: string, key: string | undefined): string {
  return key === undefined ? message : message.replaceAll(key, '[key]');
}

/** Seconds or an HTTP date; undefined when it is neither. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1_000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
