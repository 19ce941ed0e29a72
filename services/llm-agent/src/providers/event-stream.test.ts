import { expect, test } from 'vitest';
import { eventData } from './event-stream.ts';

async function* pieces(...parts: (string | Uint8Array)[]): AsyncIterable<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}

const dataOf = (...parts: (string | Uint8Array)[]) => Array.fromAsync(eventData(pieces(...parts)));

test('events come whole, wherever the pieces were cut', async () => {
  const bytes = Buffer.from(
    'data: {"a": "ä€😀"}\r\n\r\n: a comment\nevent: x\nid: 7\ndata:first\ndata: second\n\ndata: [DONE]\n\n',
  );
  const whole = ['{"a": "ä€😀"}', 'first\nsecond', '[DONE]'];
  expect(await dataOf(bytes)).toEqual(whole);
  expect(await dataOf(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(whole);
});

test('what is not ended, and what is no event, is left out', async () => {
  expect(await dataOf('<html>\n\n')).toEqual([]);
  expect(await dataOf('data: whole\n\n', 'data: half\n')).toEqual(['whole']);
  expect(await dataOf()).toEqual([]);
});
