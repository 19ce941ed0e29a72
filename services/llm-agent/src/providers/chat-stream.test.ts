import { modelReplies, type ScriptedModel, startScriptedModel } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ToolCall } from '../domain/message.ts';
import { connectProvider } from './connect-provider.ts';

let model: ScriptedModel;
beforeAll(async () => {
  model = await startScriptedModel({ script: [modelReplies.text('Hello.')] });
});
afterAll(() => model.stop());

/** What comes of these chunks. */
async function read(...chunks: readonly unknown[]) {
  const events = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('');
  model.play([modelReplies.garbage(`${events}data: [DONE]\n\n`)]);
  const connection = { name: 'chat', kind: 'openai_compatible', url: model.url, key: undefined } as const;
  const provider = connectProvider({ ...connection, maxAnswerBytes: 10_000, timeoutMs: 60_000, idleTimeoutMs: 60_000 });
  const call = { model: 'm', messages: [], parameters: {}, tools: [], outputSchema: undefined };
  const parts = await Array.fromAsync(provider.ask(call, new AbortController().signal));
  return {
    text: parts.map((part) => (part.type === 'text' ? part.text : '')).join('|'),
    calls: parts.flatMap((part): ToolCall[] => (part.type === 'toolCall' ? [part.call] : [])),
    end: parts.at(-1),
  };
}

const said = (delta: unknown, finish_reason: string | null = null) => ({
  choices: [{ index: 0, delta, finish_reason }],
});

test('an answer is put together from its chunks; how many tokens it took may come behind its end', async () => {
  const { text, end } = await read(
    said({ role: 'assistant', content: '' }),
    said({ content: 'a', reasoning_content: 'hm' }),
    said({
      content: [
        { type: 'thinking', thinking: [] },
        { type: 'text', text: 'b' },
      ],
    }),
    said({ refusal: 'c' }),
    said({}, 'length'),
    { choices: [], usage: { prompt_tokens: 9, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 8 } } },
  );
  expect(text.split('|').filter((piece) => piece !== '')).toEqual(['a', 'b', 'c']);
  expect(end).toEqual({ type: 'end', cutOff: true, promptTokens: 9, cachedPromptTokens: 8, completionTokens: 4 });
});

test('calls of tools come in pieces, told apart by their index, or without one by their id', async () => {
  const piece = (index: number | undefined, id: string | undefined, name: string | undefined, text: string) =>
    said({ tool_calls: [{ index, id, function: { name, arguments: text } }] });
  const end = said({}, 'tool_calls');
  const wanted = [
    { id: '1', name: 'add', arguments: '{"a":1}' },
    { id: '2', name: 'now', arguments: '{}' },
  ];
  const byIndex = [piece(0, '1', 'add', '{"a"'), piece(1, '2', 'now', ''), piece(0, undefined, undefined, ':1}'), end];
  expect((await read(...byIndex)).calls).toEqual(wanted);
  const byId = [piece(undefined, '1', 'add', '{"a"'), piece(undefined, undefined, undefined, ':1}')];
  expect((await read(...byId, piece(undefined, '2', 'now', ''), end)).calls).toEqual(wanted);
  expect((await read(piece(0, undefined, 'now', ''), end)).calls).toMatchObject([{ id: expect.stringMatching(/./) }]);
});

test.each([
  ['an error in the middle', [said({ content: 'a' }), { error: { message: 'no' } }]],
  ['a call without a name', [said({ tool_calls: [{ index: 0, id: '1', function: { arguments: '' } }] }, 'tool_calls')]],
  ['no choices', [{ id: 'c' }]],
])('%s is no answer', async (_name, chunks) => {
  await expect(read(...chunks)).rejects.toMatchObject({ reason: 'PROVIDER_ANSWER_INVALID' });
});

test('what stops without an end is half an answer', async () => {
  await expect(read(said({ content: 'a' }))).rejects.toMatchObject({ reason: 'PROVIDER_ANSWER_INCOMPLETE' });
});
