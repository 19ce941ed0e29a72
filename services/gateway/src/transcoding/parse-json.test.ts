import { expect, test } from 'vitest';
import { maxJsonDepth, parseJson } from './parse-json.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const reasonOf = (body: Uint8Array): unknown => {
  try {
    return parseJson(body);
  } catch (error) {
    return (error as { reason?: string }).reason;
  }
};

test('an empty body is an empty object', () => {
  expect(parseJson(bytes(''))).toEqual({});
  expect(parseJson(bytes(' \n'))).toEqual({});
});

test('what is not JSON is refused with its place and without its text', () => {
  const refused = (): unknown => parseJson(bytes('{\n  "password": "hunter2",, }'));
  expect(refused).toThrow(expect.objectContaining({ reason: 'INVALID_JSON' }));
  expect(refused).toThrow(/line 2/);
  expect(refused).not.toThrow(/hunter2/);
});

test('invalid UTF-8 is refused', () => {
  expect(reasonOf(Uint8Array.of(0x22, 0xc3, 0x28, 0x22))).toBe('INVALID_UTF8');
});

test('nesting is bounded, brackets inside texts do not count', () => {
  expect(reasonOf(bytes('['.repeat(200_000)))).toBe('JSON_TOO_DEEP');
  expect(reasonOf(bytes(`${'['.repeat(maxJsonDepth + 1)}${']'.repeat(maxJsonDepth + 1)}`))).toBe('JSON_TOO_DEEP');
  expect(parseJson(bytes(`${'['.repeat(maxJsonDepth)}${']'.repeat(maxJsonDepth)}`))).toBeDefined();
  expect(parseJson(bytes(JSON.stringify({ text: '[{"\\'.repeat(1000) })))).toBeDefined();
});

test('a name may occur once in an object, however it is escaped', () => {
  expect(reasonOf(bytes('{"a":1,"b":{"a":[{"a":1}]},"a":2}'))).toBe('DUPLICATE_NAME');
  expect(reasonOf(bytes('{"a":1,"\\u0061":2}'))).toBe('DUPLICATE_NAME');
  expect(reasonOf(bytes('{"list":["a","a",{"a":"a"},{"a":"a"}],"a":"a"}'))).toMatchObject({ a: 'a' });
});
