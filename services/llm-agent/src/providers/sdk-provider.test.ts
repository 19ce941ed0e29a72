import { setTimeout as delay } from 'node:timers/promises';
import { modelReplies, type ScriptedModel, startScriptedModel } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MediaType } from '../domain/input.ts';
import type { ProviderKind } from '../domain/provider.ts';
import { connectProvider } from './connect-provider.ts';
import type { AnswerPart, ModelCall } from './model-provider.ts';
import { parseRetryAfter } from './provider-failure.ts';

const key = 'sk-canary-0123456789';
let model: ScriptedModel;

beforeAll(async () => {
  model = await startScriptedModel({ script: [modelReplies.text('Hello.')] });
});
afterAll(() => model.stop());

const call: ModelCall = {
  model: 'm',
  messages: [
    { role: 'system', content: 'You greet.' },
    { role: 'user', content: 'Hello?' },
  ],
  parameters: { temperature: 0.5, maxTokens: 50, seed: '7' },
  tools: [],
  outputSchema: { type: 'object' },
};

const usual = { maxAnswerBytes: 10_000, timeoutMs: 60_000, idleTimeoutMs: 60_000 };
const kinds = ['openai', 'anthropic', 'ollama', 'openai_compatible'] as const;

function ask(
  kind: ProviderKind = 'openai_compatible',
  { signal = new AbortController().signal, ...bounds }: { signal?: AbortSignal } & Partial<typeof usual> = {},
  asked = call,
): Promise<AnswerPart[]> {
  const provider = connectProvider({ ...usual, ...bounds, name: 'scripted', kind, url: model.url, key });
  return Array.fromAsync(provider.ask(asked, signal));
}

const textOf = (parts: AnswerPart[]) => parts.map((part) => (part.type === 'text' ? part.text : '')).join('');

test.each(['openai', 'ollama', 'openai_compatible'] as const)(
  '%s: an answer comes with its tokens; the call carries what the agent says',
  async (kind) => {
    model.play([modelReplies.text('Hello.')]);
    expect(await ask(kind)).toEqual([
      { type: 'text', text: 'Hello.' },
      { type: 'end', cutOff: false, promptTokens: 7, cachedPromptTokens: 0, completionTokens: 2 },
    ]);
    expect(model.requests.at(-1)).toMatchObject({
      model: 'm',
      stream: true,
      temperature: 0.5,
      max_tokens: 50,
      seed: 7,
      messages: call.messages,
      response_format: { type: 'json_schema', json_schema: { schema: { type: 'object' }, strict: false } },
    });
    expect(model.authorizations.at(-1)).toBe(`Bearer ${key}`);
  },
);

const data = Buffer.from('anything');
const base64 = data.toString('base64');
const filesOf = (...mediaTypes: MediaType[]): ModelCall => ({
  ...call,
  messages: [
    {
      role: 'user',
      content: 'What?',
      parts: mediaTypes.map((mediaType) => ({
        type: 'file',
        mediaType,
        fileName: '',
        sha256: 'h',
        bytes: data.length,
      })),
    },
  ],
  files: new Map([['h', data]]),
});

test.each(['openai', 'ollama', 'openai_compatible'] as const)('%s: pictures, documents and sounds', async (kind) => {
  model.play([modelReplies.text('Hello.')]);
  await ask(kind, {}, filesOf('image/webp', 'application/pdf', 'audio/wav', 'audio/mpeg'));
  expect(model.requests.at(-1)?.messages[0]?.content).toMatchObject([
    { type: 'text', text: 'What?' },
    { type: 'image_url', image_url: { url: `data:image/webp;base64,${base64}` } },
    { type: 'file', file: { file_data: `data:application/pdf;base64,${base64}` } },
    { type: 'input_audio', input_audio: { data: base64, format: 'wav' } },
    { type: 'input_audio', input_audio: { data: base64, format: 'mp3' } },
  ]);
});

test('anthropic: pictures and documents', async () => {
  model.play([modelReplies.json({})]);
  await ask('anthropic', {}, filesOf('image/gif', 'application/pdf'));
  expect(model.requests.at(-1)?.messages[0]?.content).toMatchObject([
    { type: 'text', text: 'What?' },
    { type: 'image', source: { type: 'base64', media_type: 'image/gif', data: base64 } },
    { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: base64 } },
  ]);
});

test('anthropic: the same by its own protocol, structured answers included', async () => {
  model.play([{ kind: 'answer', text: '{"a": 1}', finishReason: 'length' }, modelReplies.json({ b: 2 })]);
  const first = await ask('anthropic');
  expect(textOf(first)).toBe('{"a": 1}');
  expect(first.at(-1)).toEqual({
    type: 'end',
    cutOff: true,
    promptTokens: 7,
    cachedPromptTokens: 0,
    completionTokens: 2,
  });
  expect(textOf(await ask('anthropic'))).toBe('{"b":2}');
  expect(model.requests.at(-1)).toMatchObject({
    model: 'm',
    stream: true,
    max_tokens: 50,
    system: [{ type: 'text', text: 'You greet.' }],
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello?' }] }],
  });
  expect(model.authorizations.at(-1)).toBe(key);
});

test.each(
  kinds.flatMap((kind) =>
    (
      [
        [
          'a rate limit',
          modelReplies.rateLimited(3),
          { reason: 'PROVIDER_RATE_LIMITED', retryable: true, retryAfterMs: 3000 },
        ],
        ['a failure', modelReplies.failure(503), { reason: 'PROVIDER_UNAVAILABLE', retryable: true }],
        ['a broken connection', modelReplies.broken(), { reason: 'PROVIDER_UNAVAILABLE', retryable: true }],
        ['garbage', modelReplies.garbage(), { reason: 'PROVIDER_ANSWER_INVALID', retryable: false }],
        ['garbage that is no stream', modelReplies.garbage('<html>'), { reason: 'PROVIDER_ANSWER_INVALID' }],
        ['an empty body', modelReplies.garbage(''), { reason: 'PROVIDER_ANSWER_INVALID' }],
        ['another shape', modelReplies.garbage('data: {"choices": 5}\n\n'), { reason: 'PROVIDER_ANSWER_INVALID' }],
        ['too much', modelReplies.text('x'.repeat(10_001)), { reason: 'OUTPUT_TOO_LARGE', retryable: false }],
        ['endless noise', modelReplies.garbage('x'.repeat(700_000)), { reason: 'OUTPUT_TOO_LARGE' }],
        ['a refusal', modelReplies.failure(400), { reason: 'PROVIDER_REFUSED', retryable: false }],
        [
          'a redirect',
          { kind: 'status', status: 302, headers: { location: 'http://127.0.0.1:1/' } } as const,
          { reason: 'PROVIDER_REDIRECTED', retryable: false },
        ],
      ] as const
    ).map(([name, reply, failure]) => [kind, name, reply, failure] as const),
  ),
)('%s: %s is told apart, with one request', async (kind, _name, reply, failure) => {
  model.play([reply]);
  const before = model.requests.length;
  await expect(ask(kind)).rejects.toMatchObject(failure);
  expect(model.requests.length).toBe(before + 1);
});

test.each(kinds)('%s: a connection that is closed in the middle of the answer can be tried again', async (kind) => {
  for (const half of ['Hel', '']) {
    model.play([modelReplies.halfClosed(half)]);
    await expect(ask(kind)).rejects.toMatchObject({ reason: 'PROVIDER_ANSWER_INCOMPLETE', retryable: true });
  }
});

test.each(kinds)('%s: the key never comes back in a message', async (kind) => {
  for (const status of [400, 401, 500]) {
    const body = JSON.stringify({ error: { type: 'x', message: `Incorrect API key provided: ${key}.` } });
    model.play([{ kind: 'status', status, body }]);
    const failure = await ask(kind).then(undefined, (error: Error) => error);
    expect(failure).toBeInstanceOf(Error);
    expect((failure as Error).message).not.toContain(key);
  }
});

async function* thenSilent() {
  yield 'And then';
  await new Promise(() => undefined);
}

/** Goes on for as long as somebody listens. */
async function* forEver() {
  for (;;) {
    yield 'and ';
    await delay(1);
  }
}

test.each(
  kinds.flatMap(
    (kind) =>
      [
        [kind, 'says nothing', modelReplies.hang(), { timeoutMs: 50 }],
        [kind, 'streams for ever', modelReplies.text(forEver()), { timeoutMs: 200, maxAnswerBytes: 4_000_000 }],
        [kind, 'is silent', modelReplies.hang(), { idleTimeoutMs: 50 }],
        [kind, 'falls silent', modelReplies.text(thenSilent()), { idleTimeoutMs: 100 }],
      ] as const,
  ),
)('%s: a provider that %s is given up; that is not the caller giving up', async (kind, _name, reply, bounds) => {
  model.play([reply]);
  const before = model.hangUps;
  await expect(ask(kind, bounds)).rejects.toMatchObject({ reason: 'PROVIDER_TIMEOUT', retryable: true });
  await expect.poll(() => model.hangUps).toBe(before + 1);
});

test("a key is never looked for in the process's environment", () => {
  for (const kind of ['openai', 'anthropic'] as const) {
    const connection = { ...usual, name: 'scripted', kind, url: model.url, key: undefined };
    expect(() => connectProvider(connection)).toThrow(
      expect.objectContaining({ reason: 'PROVIDER_CREDENTIALS_REFUSED' }),
    );
  }
});

test('token counts that make no sense become ones that can be added up', async () => {
  model.play([{ kind: 'answer', text: 'Hello.', promptTokens: -5, completionTokens: 1e15 }]);
  expect((await ask()).at(-1)).toMatchObject({ promptTokens: 0, completionTokens: 100_000_000 });
});

test.each(kinds)('%s: giving up closes the connection', async (kind) => {
  const asked = Promise.withResolvers<void>();
  model.play(() => {
    asked.resolve();
    return modelReplies.hang();
  });
  const before = model.hangUps;
  const caller = new AbortController();
  const answer = ask(kind, { signal: caller.signal });
  await asked.promise;
  caller.abort(new Error('given up'));
  await expect(answer).rejects.toThrow('given up');
  await expect.poll(() => model.hangUps).toBe(before + 1);
});

test('Retry-After is seconds or a date', () => {
  expect(parseRetryAfter('2', 0)).toBe(2_000);
  expect(parseRetryAfter('Thu, 01 Jan 1970 00:00:10 GMT', 4_000)).toBe(6_000);
  expect(parseRetryAfter('soon', 0)).toBeUndefined();
});
