import { eventually, testModelPath } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseConfig } from '../src/config.ts';
import { createService } from '../src/service.ts';

const service = createService(
  parseConfig({
    LOCAL_MODEL_PATH: testModelPath(),
    LOCAL_MODEL_HTTP_PORT: '0',
    LOCAL_MODEL_ADMIN_PORT: '0',
    // Two threads that wait for each other are slower than one where others compute too.
    LOCAL_MODEL_THREADS: '1',
    LOCAL_MODEL_CONTEXT_TOKENS: '1024',
    LOCAL_MODEL_QUEUE_LENGTH: '1',
    FLOTILLA_LOG_LEVEL: 'silent',
  }),
);
let url = '';
beforeAll(async () => {
  url = `http://127.0.0.1:${(await service.start()).httpPort}`;
});
afterAll(() => service.stop());

interface Completion {
  readonly choices: readonly { readonly message: { readonly content: string }; readonly finish_reason: string }[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number };
  readonly error?: { readonly code: string };
}

function ask(different: object, signal?: AbortSignal): Promise<Response> {
  const body = { model: 'any', messages: [{ role: 'user', content: 'Say hello.' }], max_tokens: 8, ...different };
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
}

const complete = async (different: object = {}) => (await (await ask(different)).json()) as Completion;

test('an answer has a text, a reason to end and a usage that adds up', async () => {
  const { choices, usage } = await complete();
  expect(choices[0]?.message.content).toMatch(/\w/);
  expect(choices[0]?.finish_reason).toBe('length');
  expect(usage.completion_tokens).toBe(8);
  expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens);
});

test('the same question and seed give the same answer', async () => {
  const question = { temperature: 1, seed: 7, max_tokens: 8 };
  expect((await complete(question)).choices).toEqual((await complete(question)).choices);
});

test('a JSON schema is kept to', async () => {
  const schema = {
    type: 'object',
    properties: {
      severity: { enum: ['low', 'high'] },
      fixed: { type: 'boolean' },
    },
    required: ['severity', 'fixed'],
  };
  const { choices } = await complete({
    max_tokens: 100,
    response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } },
  });
  const answer = JSON.parse(choices[0]?.message.content ?? '') as { severity: string; fixed: boolean };
  expect(['low', 'high']).toContain(answer.severity);
  expect(typeof answer.fixed).toBe('boolean');
});

test('a stream has the same text as the answer, then its usage', async () => {
  const response = await ask({ stream: true, stream_options: { include_usage: true } });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const events = (await response.text())
    .trim()
    .split('\n\n')
    .map((event) => event.replace(/^data: /, ''));
  expect(events.pop()).toBe('[DONE]');
  const chunks = events.map((event) => JSON.parse(event));
  const { choices, usage } = await complete();
  expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(choices[0]?.message.content);
  expect(chunks.at(-1)?.usage).toEqual(usage);
});

test.each([
  [
    'a prompt beyond the context',
    { messages: [{ role: 'user', content: 'word '.repeat(2_000) }] },
    'context_length_exceeded',
  ],
  [
    'a schema as large as a book',
    { response_format: { type: 'json_schema', json_schema: { schema: { enum: ['x'.repeat(70_000)] } } } },
    'invalid_schema',
  ],
  ['no messages', { messages: [] }, 'FST_ERR_VALIDATION'],
])('%s is refused', async (_name, different, code) => {
  const response = await ask(different);
  expect(response.status).toBe(400);
  expect(((await response.json()) as Completion).error?.code).toBe(code);
});

test('who hangs up stops the model; what does not fit into the queue is told when to come back', async () => {
  const endless = { stream: true, max_tokens: 900, messages: [{ role: 'user', content: 'Count without end.' }] };
  const running = new AbortController();
  const waiting = new AbortController();
  const first = await ask(endless, running.signal);
  const second = await ask(endless, waiting.signal);
  const third = await ask({});
  expect([first.status, second.status, third.status]).toEqual([200, 200, 429]);
  expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0);
  waiting.abort();
  running.abort();
  await eventually(async () => expect((await ask({})).status).toBe(200), { timeoutMs: 5_000 });
});

test('it lists its model and is well', async () => {
  const { data } = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
  expect(data.map(({ id }) => id)).toEqual(['smollm2-135m-instruct']);
  expect((await fetch(`${url}/health`)).status).toBe(200);
});
