import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { OpenAICompatibleChatLanguageModel } from '@ai-sdk/openai-compatible';
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider';
import { type AbortAfter, abortAfter } from '@flotilla/grpc';
import { type Dispatcher, request } from 'undici';
import { type FetchBounds, ProviderSilent, Redirected, ResponseTooLarge, wireLimit } from './bounded-fetch.ts';
import { eventData } from './event-stream.ts';
import { ofStatus } from './provider-failure.ts';
import type { StreamingModel } from './sdk-provider.ts';

/** Where chats of the OpenAI protocol go. */
export interface ChatStreamOptions extends FetchBounds {
  readonly name: string;
  /** Up to and with the version. */
  readonly url: string;
  readonly key: string | undefined;
  /** Checks the address at each call. Undefined for addresses that the operator has set. */
  readonly dispatcherFor: ((url: URL) => Dispatcher) | undefined;
}

/**
 * Chats of an OpenAI-compatible server. The SDK makes the request, as it knows the protocol; sending it and reading the
 * answer is done here, for its streams and schemas cost more than all the rest of an execution.
 */
export function createChatStream(options: ChatStreamOptions): (model: string) => StreamingModel {
  const { name, key, maxAnswerBytes, idleTimeoutMs, dispatcherFor } = options;
  const url = new URL(`${options.url}/chat/completions`);
  const headers = {
    'content-type': 'application/json',
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  };
  const writer = createWriter(name);

  async function send(body: string, idle: AbortAfter): Promise<Dispatcher.ResponseData> {
    const dispatcher = dispatcherFor?.(url);
    const answer = await request(url, {
      method: 'POST',
      headers,
      body,
      signal: idle.signal,
      ...(dispatcher && { dispatcher }),
    });
    const { statusCode: status } = answer;
    if (status >= 200 && status < 300) return answer;
    if (status < 400) {
      await answer.body.dump();
      throw new Redirected();
    }
    const said = await textOf(bounded(answer.body, status, { maxAnswerBytes, idle }));
    const retryAfter = answer.headers['retry-after'];
    throw ofStatus(status, messageOf(said) ?? STATUS_CODES[status] ?? '', [retryAfter].flat()[0], key);
  }

  return (model) => ({
    async doStream({ abortSignal, ...asked }) {
      const body = { ...(await writer(model, asked)), stream: true, stream_options: { include_usage: true } };
      const idle = abortAfter(abortSignal, idleTimeoutMs, () => new ProviderSilent(idleTimeoutMs));
      try {
        const answer = await send(JSON.stringify(body), idle);
        return { stream: readChat(bounded(answer.body, answer.statusCode, { maxAnswerBytes, idle })) };
      } catch (error) {
        idle.clear();
        throw idle.signal.aborted ? idle.signal.reason : error;
      }
    },
  });
}

/** The body of a request, without what is about streaming. */
function createWriter(name: string) {
  const models = new Map<string, OpenAICompatibleChatLanguageModel>();
  return async (model: string, asked: LanguageModelV4CallOptions): Promise<Record<string, unknown>> => {
    const known =
      models.get(model) ??
      new OpenAICompatibleChatLanguageModel(model, {
        provider: `${name}.chat`,
        url: ({ path }) => path,
        headers: () => ({}),
        supportsStructuredOutputs: true,
      });
    if (models.size >= maxModels) models.clear();
    models.set(model, known);
    return (await known.prepareRequest(asked)).body as Record<string, unknown>;
  };
}

const maxModels = 100;

/** Stops reading what can be no answer any more, and who falls silent. */
async function* bounded(
  body: AsyncIterable<Uint8Array>,
  status: number,
  { maxAnswerBytes, idle }: { readonly maxAnswerBytes: number; readonly idle: AbortAfter },
): AsyncIterable<Uint8Array> {
  const limit = wireLimit(status, maxAnswerBytes);
  let bytes = 0;
  try {
    for await (const chunk of body) {
      idle.restart();
      bytes += chunk.byteLength;
      if (bytes > limit) throw new ResponseTooLarge(maxAnswerBytes);
      yield chunk;
    }
  } catch (error) {
    throw idle.signal.aborted ? idle.signal.reason : error;
  } finally {
    idle.clear();
  }
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(body)).toString();
}

/** What servers say of an error, in the protocol's form. */
function messageOf(said: string): string | undefined {
  try {
    const { error } = JSON.parse(said) as { readonly error?: { readonly message?: unknown } };
    return typeof error?.message === 'string' ? error.message : undefined;
  } catch {
    return undefined;
  }
}

/** A chunk as far as it is read; whatever a server sends instead is an answer that is none. */
interface Chunk {
  readonly error?: unknown;
  readonly choices: readonly {
    readonly delta?: {
      readonly content?: string | readonly { readonly type?: string; readonly text?: unknown }[] | null;
      readonly refusal?: unknown;
      readonly tool_calls?: readonly CallDelta[] | null;
    } | null;
    readonly finish_reason?: unknown;
  }[];
  readonly usage?: Usage | null;
}

interface CallDelta {
  readonly index?: number | null;
  readonly id?: string | null;
  readonly function?: { readonly name?: string | null; readonly arguments?: string | null };
}

interface Usage {
  readonly prompt_tokens?: number | null;
  readonly completion_tokens?: number | null;
  readonly prompt_tokens_details?: { readonly cached_tokens?: number | null } | null;
}

interface Call {
  id: string | undefined;
  name: string;
  arguments: string;
}

/** Reads an answer. It ends without `finish` where the server never said why it stopped. */
async function* readChat(body: AsyncIterable<Uint8Array>): AsyncIterable<LanguageModelV4StreamPart> {
  const calls = new Map<number, Call>();
  let finishReason: string | undefined;
  let usage: Usage | undefined;
  let begun = false;
  for await (const data of eventData(body)) {
    if (data === '[DONE]') continue;
    const chunk = JSON.parse(data) as Chunk;
    if (chunk.error != null) {
      yield { type: 'error', error: chunk.error };
      return;
    }
    usage = chunk.usage ?? usage;
    const [choice] = [...chunk.choices];
    if (!begun) yield { type: 'response-metadata' };
    begun = true;
    if (typeof choice?.finish_reason === 'string') finishReason = choice.finish_reason;
    const { content, refusal, tool_calls: deltas } = choice?.delta ?? {};
    for (const delta of [...textsOf(content), ...textsOf(refusal)]) yield { type: 'text-delta', id: '0', delta };
    for (const delta of deltas ?? []) addDelta(calls, delta);
  }
  if (finishReason === undefined) return;
  for (const { id, name, arguments: input } of calls.values()) {
    if (name === '') throw new Error('A call of a tool has no name.');
    yield { type: 'tool-call', toolCallId: id ?? randomUUID(), toolName: name, input: input === '' ? '{}' : input };
  }
  yield {
    type: 'finish',
    finishReason: { unified: unifiedReasons[finishReason] ?? 'other', raw: finishReason },
    usage: {
      inputTokens: {
        total: usage?.prompt_tokens ?? undefined,
        noCache: undefined,
        cacheRead: usage?.prompt_tokens_details?.cached_tokens ?? undefined,
        cacheWrite: undefined,
      },
      outputTokens: { total: usage?.completion_tokens ?? undefined, text: undefined, reasoning: undefined },
    },
  };
}

function textsOf(content: unknown): readonly string[] {
  if (typeof content === 'string') return content === '' ? [] : [content];
  if (!Array.isArray(content)) return [];
  return content.flatMap((part: { readonly type?: unknown; readonly text?: unknown }) =>
    part.type === 'text' ? textsOf(part.text) : [],
  );
}

function addDelta(calls: Map<number, Call>, { index, id, function: said }: CallDelta): void {
  // Without an index an id begins a call, and what has none goes on with the last.
  const at = index ?? (typeof id === 'string' ? calls.size : Math.max(calls.size - 1, 0));
  const call = calls.get(at) ?? { id: undefined, name: '', arguments: '' };
  call.id ??= id ?? undefined;
  if (call.name === '') call.name = said?.name ?? '';
  call.arguments += said?.arguments ?? '';
  calls.set(at, call);
}

const unifiedReasons: Readonly<Record<string, LanguageModelV4FinishReason['unified']>> = {
  stop: 'stop',
  length: 'length',
  content_filter: 'content-filter',
  function_call: 'tool-calls',
  tool_calls: 'tool-calls',
};
