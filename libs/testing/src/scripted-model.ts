import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { anthropicAnswer } from './anthropic-stream.ts';

/** A chat completion, or a message of Anthropic's, as it was asked for. */
export interface ModelRequest {
  readonly model: string;
  readonly messages: readonly {
    readonly role: string;
    readonly content: string;
    readonly tool_call_id?: string;
    readonly tool_calls?: readonly { readonly id: string; readonly function: { readonly name: string } }[];
  }[];
  /** Anthropic's. */
  readonly system?: unknown;
  /** Chat completions have the name in the function; Anthropic's answer by a tool, too. */
  readonly tools?: readonly { readonly name?: string; readonly function?: { readonly name: string } }[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly response_format?: unknown;
  readonly max_tokens?: number;
  readonly temperature?: number;
  readonly seed?: number;
}

/** What the scripted model does with one request. */
export type ModelReply =
  /** Pieces of an iterable are sent as they come, so a test decides when. */
  | {
      readonly kind: 'answer';
      readonly text: string | AsyncIterable<string>;
      readonly toolCalls?: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
      readonly promptTokens?: number;
      /** Of the prompt's, as if they had been cached. */
      readonly cachedTokens?: number;
      readonly completionTokens?: number;
      readonly finishReason?: string;
    }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  /** Status 200 and this body, whatever it is. */
  | { readonly kind: 'raw'; readonly body: string; readonly contentType?: string }
  /** Takes the request and says nothing, until the caller hangs up. */
  | { readonly kind: 'hang' }
  /** Begins to answer, then the connection breaks, or, `inOrder`, is closed as if that were all. */
  | { readonly kind: 'broken'; readonly text: string; readonly inOrder?: boolean };

/** One reply for each hit, the last one repeated; or a decision for each request (`hit` counts from 1). */
export type ModelScript =
  | readonly [ModelReply, ...ModelReply[]]
  | ((request: ModelRequest, hit: number) => ModelReply | Promise<ModelReply>);

/** The far side of a model provider. */
export interface ScriptedModel {
  /** What goes into a provider's URL setting; ends with `/v1`. */
  readonly url: string;
  /** Requests received, in order. */
  readonly requests: readonly ModelRequest[];
  /** Values of the `authorization` headers received, or of Anthropic's `x-api-key`. */
  readonly authorizations: readonly (string | undefined)[];
  /** Requests whose caller closed the connection before the reply was whole. */
  readonly hangUps: number;
  /** Replaces the script; hits go on counting. */
  play(script: ModelScript): void;
  stop(): Promise<void>;
}

/** Replies of a script, by name. */
export const modelReplies = {
  text: (text: string | AsyncIterable<string>): ModelReply => ({ kind: 'answer', text }),
  json: (value: unknown): ModelReply => ({ kind: 'answer', text: JSON.stringify(value) }),
  rateLimited: (retryAfterSeconds?: number): ModelReply => ({
    kind: 'status',
    status: 429,
    ...(retryAfterSeconds === undefined ? {} : { headers: { 'retry-after': String(retryAfterSeconds) } }),
  }),
  failure: (status = 500): ModelReply => ({ kind: 'status', status }),
  garbage: (body = 'data: {"choices": [{]]\n\ndata: \u0000\n\n'): ModelReply => ({ kind: 'raw', body }),
  hang: (): ModelReply => ({ kind: 'hang' }),
  broken: (text = 'And then'): ModelReply => ({ kind: 'broken', text }),
  halfClosed: (text = 'And then'): ModelReply => ({ kind: 'broken', text, inOrder: true }),
} as const;

/**
 * Starts a server that answers by script. It speaks the real protocols over a real socket, so that providers are tested
 * from the outside: OpenAI's chat completions (as Ollama does), Anthropic's messages, and both of their lists of models.
 *
 * @example
 * const model = await startScriptedModel({ script: [modelReplies.rateLimited(1), modelReplies.text('Hello.')] });
 */
export async function startScriptedModel({
  script,
  port = 0,
}: {
  script: ModelScript;
  port?: number;
}): Promise<ScriptedModel> {
  const requests: ModelRequest[] = [];
  const authorizations: (string | undefined)[] = [];
  let current = script;
  let hangUps = 0;

  const server = createServer((request, response) => {
    response.once('close', () => {
      if (!response.writableFinished) hangUps += 1;
    });
    serve(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const protocol = protocolOf(request);
    if (protocol === undefined) {
      sendStatus(response, 404, {}, JSON.stringify({ error: { message: 'There is no such route.' } }));
      return;
    }
    const text = await readText(request);
    const question = text === '' ? { model: '', messages: [] } : (JSON.parse(text) as ModelRequest);
    const anthropicKey = request.headers['x-api-key'];
    authorizations.push(anthropicKey === undefined ? request.headers.authorization : String(anthropicKey));
    const hit = requests.push(question);
    const reply =
      typeof current === 'function'
        ? await current(question, hit)
        : (current[Math.min(hit, current.length) - 1] ?? current[0]);
    await perform(reply, { ...question, protocol }, response);
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    authorizations,
    get hangUps() {
      return hangUps;
    },
    play(next) {
      current = next;
      // An array is played from its start: hits before it do not count for it.
      if (typeof next !== 'function') {
        const before = requests.length;
        current = (_request, hit) => next[Math.min(hit - before, next.length) - 1] ?? next[0];
      }
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function protocolOf({ method, url }: IncomingMessage): Protocol | undefined {
  if (method === 'GET' && url === '/v1/models') return 'list of models';
  if (method === 'POST' && url === '/v1/chat/completions') return 'chat completions';
  return method === 'POST' && url === '/v1/messages' ? 'messages' : undefined;
}

type Protocol = 'chat completions' | 'messages' | 'list of models';
type Question = ModelRequest & { readonly protocol: Protocol };

async function perform(reply: ModelReply, question: Question, response: ServerResponse): Promise<void> {
  switch (reply.kind) {
    case 'hang':
      return;
    case 'status':
      sendStatus(response, reply.status, reply.headers ?? {}, reply.body ?? '{"error":{"message":"scripted"}}');
      return;
    case 'raw':
      response.writeHead(200, { 'content-type': reply.contentType ?? 'text/event-stream' }).end(reply.body);
      return;
    case 'broken':
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(
        question.protocol === 'messages'
          ? messageOf(question).start(7) + messageOf(question).piece(reply.text)
          : chunkOf(question, { content: reply.text }, null),
        () => (reply.inOrder ? response.end() : response.destroy()),
      );
      return;
    case 'answer':
      if (question.protocol === 'list of models') {
        const data = ['scripted', 'priced'].map((id) => ({ id, object: 'model' }));
        return sendStatus(response, 200, {}, JSON.stringify({ object: 'list', data }));
      }
      if (question.protocol === 'messages') return streamMessage(reply, question, response);
      await (question.stream === true ? stream(reply, question, response) : answer(reply, question, response));
  }
}

type AnswerReply = Extract<ModelReply, { kind: 'answer' }>;

async function stream(reply: AnswerReply, question: ModelRequest, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(chunkOf(question, { role: 'assistant', content: '' }, null));
  let length = 0;
  for await (const piece of piecesOf(reply.text)) {
    if (response.destroyed) return;
    length += piece.length;
    response.write(chunkOf(question, { content: piece }, null));
  }
  for (const [index, { id, name, arguments: given }] of (reply.toolCalls ?? []).entries()) {
    const call = { index, id, type: 'function', function: { name, arguments: given } };
    response.write(chunkOf(question, { tool_calls: [call] }, null));
  }
  response.write(chunkOf(question, {}, reply.finishReason ?? (reply.toolCalls ? 'tool_calls' : 'stop')));
  if (question.stream_options?.include_usage === true) {
    response.write(`data: ${JSON.stringify({ ...head(question), choices: [], usage: usageOf(reply, length) })}\n\n`);
  }
  response.end('data: [DONE]\n\n');
}

async function streamMessage(reply: AnswerReply, question: Question, response: ServerResponse): Promise<void> {
  const message = messageOf(question);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(message.start(reply.promptTokens ?? 7));
  let length = 0;
  for await (const piece of piecesOf(reply.text)) {
    if (response.destroyed) return;
    length += piece.length;
    response.write(message.piece(piece));
  }
  response.end(message.end(reply.finishReason === 'length', usageOf(reply, length).completion_tokens));
}

const messageOf = ({ model, tools }: Question) => anthropicAnswer(model, tools?.[0]?.name);

async function answer(reply: AnswerReply, question: ModelRequest, response: ServerResponse): Promise<void> {
  const content = (await Array.fromAsync(piecesOf(reply.text))).join('');
  const message = { role: 'assistant', content };
  const body = {
    ...head(question),
    object: 'chat.completion',
    choices: [{ index: 0, message, finish_reason: reply.finishReason ?? 'stop' }],
    usage: usageOf(reply, content.length),
  };
  sendStatus(response, 200, {}, JSON.stringify(body));
}

async function* piecesOf(text: string | AsyncIterable<string>): AsyncIterable<string> {
  if (typeof text !== 'string') yield* text;
  else for (let from = 0; from < text.length; from += 1024) yield text.slice(from, from + 1024);
}

/** A token is four characters here, unless the script says a number. */
function usageOf(reply: AnswerReply, length: number) {
  const promptTokens = reply.promptTokens ?? 7;
  const completionTokens = reply.completionTokens ?? Math.ceil(length / 4);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    prompt_tokens_details: { cached_tokens: reply.cachedTokens ?? 0 },
    total_tokens: promptTokens + completionTokens,
  };
}

const head = (question: ModelRequest) => ({ id: 'chatcmpl-scripted', created: 1, model: question.model });

function chunkOf(question: ModelRequest, delta: object, finishReason: string | null): string {
  const choices = [{ index: 0, delta, finish_reason: finishReason }];
  return `data: ${JSON.stringify({ ...head(question), object: 'chat.completion.chunk', choices })}\n\n`;
}

function sendStatus(response: ServerResponse, status: number, headers: Record<string, string>, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
}
