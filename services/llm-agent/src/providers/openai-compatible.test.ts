import { modelReplies, type ScriptedModel, startScriptedModel } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AnswerPart, ModelCall } from './model-provider.ts';
import { createOpenAICompatibleProvider, parseRetryAfter } from './openai-compatible.ts';

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
  outputSchema: { type: 'object' },
};

function ask(signal = new AbortController().signal): Promise<AnswerPart[]> {
  const provider = createOpenAICompatibleProvider({ name: 'scripted', url: model.url, key, maxAnswerBytes: 10_000 });
  return Array.fromAsync(provider.ask(call, signal));
}

test('an answer comes with its tokens; the call carries what the agent says', async () => {
  model.play([modelReplies.text('Hello.')]);
  expect(await ask()).toEqual([
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
});

test.each([
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
    { retryable: true },
  ],
])('%s is told apart, with one request', async (_name, reply, failure) => {
  model.play([reply]);
  const before = model.requests.length;
  await expect(ask()).rejects.toMatchObject(failure);
  expect(model.requests.length).toBe(before + 1);
});

test.each([400, 401])('the key never comes back in a message (%i)', async (status) => {
  const body = JSON.stringify({ error: { message: `Incorrect API key provided: ${key}.` } });
  model.play([{ kind: 'status', status, body }]);
  const failure = await ask().then(undefined, (error: Error) => error);
  expect(failure).toBeInstanceOf(Error);
  expect((failure as Error).message).not.toContain(key);
});

test('token counts that make no sense become ones that can be added up', async () => {
  model.play([{ kind: 'answer', text: 'Hello.', promptTokens: -5, completionTokens: 1e15 }]);
  expect((await ask()).at(-1)).toMatchObject({ promptTokens: 0, completionTokens: 100_000_000 });
});

test('giving up closes the connection', async () => {
  const asked = Promise.withResolvers<void>();
  model.play(() => {
    asked.resolve();
    return modelReplies.hang();
  });
  const before = model.hangUps;
  const caller = new AbortController();
  const answer = ask(caller.signal);
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
