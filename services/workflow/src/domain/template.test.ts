import { AppError } from '@flotilla/errors';
import { expect, test } from 'vitest';
import type { JsonValue } from './json.ts';
import type { Scope } from './scope.ts';
import { type Compiler, compileLaterCondition, compileTemplate, splitText } from './template.ts';

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

test('a condition for later takes along what it speaks of, and nothing else', () => {
  const known = (text: string) => compileLaterCondition('', text, compiler)(scope);
  expect(known('event.id == steps.open.output.id && has(input.missing)')).toEqual({
    input: {},
    steps: { open: { output: { id: 'r1' } } },
  });
  expect(known('event.n == input.n && size(input) > 0')).toEqual({ input: scope.input });
  expect(known('event.ok && input.list[0] == 1 && run.id == event.run')).toEqual({
    input: { list: [1, 2] },
    run: { id: 'run-1' },
  });
  expect(() => known('event.__proto__.polluted == 1 && input.__proto__.polluted == 1')).not.toThrow();
  expect({}).not.toHaveProperty('polluted');
});
