import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Answer, ChatMessage, Engine, PreparedQuestion, Question } from './engine.ts';
import type { Meters } from './metrics.ts';
import type { Queue } from './queue.ts';

interface ChatCompletionRequest {
  readonly model: string;
  readonly messages: readonly {
    role: ChatMessage['role'] | 'developer';
    content: string | readonly { text: string }[];
  }[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean } | null;
  readonly response_format?: { readonly type: string; readonly json_schema?: { readonly schema?: object } };
  readonly max_tokens?: number | null;
  readonly max_completion_tokens?: number | null;
  readonly temperature?: number | null;
  readonly top_p?: number | null;
  readonly seed?: number | null;
}

const text = { type: 'string' };
const wholeNumber = { type: ['integer', 'null'] };
const bodySchema = {
  type: 'object',
  required: ['model', 'messages'],
  properties: {
    model: { type: 'string', minLength: 1 },
    messages: {
      type: 'array',
      minItems: 1,
      maxItems: 1_000,
      items: {
        type: 'object',
        required: ['role', 'content'],
        properties: {
          role: { enum: ['system', 'developer', 'user', 'assistant'] },
          content: {
            anyOf: [
              text,
              {
                type: 'array',
                items: { type: 'object', required: ['type', 'text'], properties: { type: { const: 'text' }, text } },
              },
            ],
          },
        },
      },
    },
    stream: { type: 'boolean' },
    stream_options: { type: ['object', 'null'], properties: { include_usage: { type: 'boolean' } } },
    response_format: {
      type: 'object',
      required: ['type'],
      properties: {
        type: { enum: ['text', 'json_object', 'json_schema'] },
        json_schema: { type: 'object', required: ['schema'], properties: { schema: { type: 'object' } } },
      },
    },
    max_tokens: { ...wholeNumber, minimum: 1 },
    max_completion_tokens: { ...wholeNumber, minimum: 1 },
    temperature: { type: ['number', 'null'], minimum: 0, maximum: 2 },
    top_p: { type: ['number', 'null'], minimum: 0, maximum: 1 },
    seed: wholeNumber,
    n: { type: ['integer', 'null'], maximum: 1 },
    tools: { type: ['array', 'null'], maxItems: 0 },
  },
};

/** Serves `POST /v1/chat/completions`. The answer stops being computed when its caller hangs up or `stopping` aborts. */
export function chatCompletions(
  app: FastifyInstance,
  { engine, queue, meters, stopping }: { engine: Engine; queue: Queue; meters: Meters; stopping: AbortSignal },
): void {
  app.post<{ Body: ChatCompletionRequest }>(
    '/v1/chat/completions',
    { schema: { body: bodySchema } },
    async (request, reply) => {
      queue.reserve();
      const signal = AbortSignal.any([hangUp(reply), stopping]);
      const prepared = metered(await engine.prepare(toQuestion(request.body)), meters);
      const head = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: engine.modelName };
      if (request.body.stream === true) {
        queue.reserve();
        const withUsage = request.body.stream_options?.include_usage === true;
        await streamAnswer(reply, { prepared, queue, signal, head, withUsage });
        return reply;
      }
      const answer = await queue.run(signal, () => prepared.answer(signal, () => undefined));
      return {
        ...head,
        object: 'chat.completion',
        choices: [
          { index: 0, message: { role: 'assistant', content: answer.text }, finish_reason: answer.finishReason },
        ],
        usage: toUsage(answer),
      };
    },
  );
}

interface Stream {
  readonly prepared: PreparedQuestion;
  readonly queue: Queue;
  readonly signal: AbortSignal;
  readonly head: { readonly id: string; readonly created: number; readonly model: string };
  readonly withUsage: boolean;
}

async function streamAnswer(reply: FastifyReply, { prepared, queue, signal, head, withUsage }: Stream): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  // The head goes out at once: who waits in the queue sees that we are here.
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  raw.flushHeaders();
  const send = (data: object | string) =>
    raw.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
  const chunk = (delta: object, finishReason: string | null) =>
    send({
      ...head,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, finish_reason: finishReason }],
    });
  try {
    const answer = await queue.run(signal, () => {
      chunk({ role: 'assistant', content: '' }, null);
      return prepared.answer(signal, (content) => chunk({ content }, null));
    });
    chunk({}, answer.finishReason);
    if (withUsage) send({ ...head, object: 'chat.completion.chunk', choices: [], usage: toUsage(answer) });
    send('[DONE]');
  } catch (error) {
    if (!raw.destroyed) send({ error: { message: 'The answer broke off.', type: 'server_error', code: 'aborted' } });
    if (!signal.aborted) reply.log.error({ err: error }, 'an answer broke off');
  } finally {
    raw.end();
  }
}

/** Counts the answer from when it takes its place in the queue. */
function metered(prepared: PreparedQuestion, meters: Meters): PreparedQuestion {
  const timer = meters.answerSeconds.startTimer();
  return {
    async answer(signal, onText) {
      try {
        const answer = await prepared.answer(signal, onText);
        meters.answers.inc({ outcome: answer.finishReason });
        meters.tokens.inc({ kind: 'prompt' }, answer.promptTokens);
        meters.tokens.inc({ kind: 'completion' }, answer.completionTokens);
        return answer;
      } catch (error) {
        meters.answers.inc({ outcome: signal.aborted ? 'given up' : 'failed' });
        throw error;
      } finally {
        timer();
      }
    },
  };
}

function hangUp(reply: FastifyReply): AbortSignal {
  const caller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) caller.abort();
  });
  return caller.signal;
}

function toQuestion(body: ChatCompletionRequest): Question {
  const format = body.response_format;
  return {
    messages: body.messages.map(({ role, content }) => ({
      role: role === 'developer' ? 'system' : role,
      content: typeof content === 'string' ? content : content.map((part) => part.text).join('\n'),
    })),
    schema:
      format?.type === 'json_schema'
        ? format.json_schema?.schema
        : format?.type === 'json_object'
          ? { type: 'object', additionalProperties: true }
          : undefined,
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? undefined,
    temperature: body.temperature ?? undefined,
    topP: body.top_p ?? undefined,
    seed: body.seed ?? undefined,
  };
}

function toUsage({ promptTokens, completionTokens }: Answer) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}
