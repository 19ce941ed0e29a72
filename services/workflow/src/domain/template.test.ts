import { AppError } from '@flotilla/errors';
import { expect, test } from 'vitest';
import type { JsonValue } from './json.ts';
import type { Scope } from './scope.ts';
import { type Compiler, compileTemplate, splitText } from './template.ts';

const scope = {
  input: { n: 1, name: 'valkey', list: [1, 2], text: 'say "hi"' },
  variables: {},
  factsOf: (stepId: string) => (stepId === 'open' ? { output: { id: 'r1' } } : undefined),
  run: { id: 'run-1' },
} as unknown as Scope;
const compiler: Compiler = {
  undo: false,
  variables: [],
  used: () => {},
  refused: (pointer, error) => {
    throw new AppError('internal', 'REFUSED', `${pointer} ${error.message}`);
  },
};
const evaluate = (value: JsonValue, result: 'text' | 'any' = 'any') =>
  compileTemplate('', value, result, compiler)(scope);

test('one expression keeps its type; among other text it becomes text', () => {
  expect(evaluate('${input.n + 1}')).toBe(2);
  expect(evaluate('${input.list}')).toEqual([1, 2]);
  expect(evaluate('${input.n}', 'text')).toBe('1');
  expect(evaluate('a ${input.n} b ${input.list}')).toBe('a 1 b [1,2]');
  expect(evaluate('plain')).toBe('plain');
  expect(evaluate('')).toBe('');
});

test('objects and lists are filled in at any depth, keys are taken as they are', () => {
  expect(evaluate({ 'a/${b}': ['${steps.open.output.id}', { deep: true }] })).toEqual({
    'a/${b}': ['r1', { deep: true }],
  });
});

test('braces and quotes inside an expression are its own', () => {
  expect(evaluate("${{'a': '}'}.a}")).toBe('}');
  expect(evaluate('${"\\"}" + input.name}!')).toBe('"}valkey!');
  expect(splitText('$${literal} ${x}')).toEqual([{ literal: '${literal} ' }, { expression: 'x' }]);
  expect(splitText('${x')).toBeUndefined();
});

test('an expression that does not suit the values says where', () => {
  expect(() => evaluate('${input.missing.deeper}')).toThrow(expect.objectContaining({ reason: 'EXPRESSION_FAILED' }));
});
