import { expect, test } from 'vitest';
import { checkOutputSchema, type JsonObject, type JsonValue, readOutput } from './output-schema.ts';

const schema = {
  type: 'object',
  properties: { severity: { enum: ['low', 'high'] }, cves: { type: 'array', items: { type: 'string' } } },
  required: ['severity'],
  additionalProperties: false,
};

test('an answer that fits is a value, with or without a fence', () => {
  expect(readOutput(schema, '{"severity":"low"}')).toEqual({ fits: true, value: { severity: 'low' } });
  expect(readOutput(schema, '```json\n{"severity":"low"}\n```')).toEqual({ fits: true, value: { severity: 'low' } });
});

test.each([
  ['no JSON', 'It is low.', /not JSON/],
  ['a missing field', '{}', /severity/],
  ['a wrong value', '{"severity":"grave"}', /\/severity/],
  ['an unknown field', '{"severity":"low","mood":1}', /mood/],
  ['a NUL character', '{"severity":"low","cves":["\\u0000"]}', /NUL/],
  ['half a character', '{"severity":"low","cves":["\\ud800"]}', /half/],
])('%s does not fit, and it is said why', (_name, answer, problem) => {
  const output = readOutput(schema, answer);
  expect(output.fits ? [] : output.problems.join(' ')).toMatch(problem);
});

test.each([
  ['a wrong keyword', { type: 'object', properties: { a: { type: 'text' } } }, 'output_schema/properties/a/type'],
  ['a reference to elsewhere', { $ref: 'https://example.com/schema' }, 'output_schema'],
  ['a broken pattern', { type: 'string', pattern: '(' }, 'output_schema'],
  ['endless nesting', nested(100), 'output_schema'],
  ['bulk', { enum: ['x'.repeat(70_000)] }, 'output_schema'],
])('%s is refused with its place', (_name, bad, field) => {
  expect(() => checkOutputSchema(bad as JsonObject)).toThrow(
    expect.objectContaining({
      code: 'invalid_argument',
      reason: 'OUTPUT_SCHEMA_INVALID',
      violations: expect.arrayContaining([expect.objectContaining({ field })]),
    }),
  );
});

test('a pattern that explodes is interrupted', () => {
  const bomb = { type: 'string', pattern: '^(a+)+$' };
  checkOutputSchema(bomb);
  expect(problemsOf(bomb, `${'a'.repeat(60)}!`)).toMatch(/took longer/);
});

test('a schema that explodes is interrupted', () => {
  const self = { type: 'object', properties: { a: { $ref: '#' } } };
  const bomb = { anyOf: [self, { ...self, title: 'again' }] };
  checkOutputSchema(bomb);
  let value: JsonValue = 'wrong';
  for (let depth = 0; depth < 60; depth += 1) value = { a: value };
  expect(problemsOf(bomb, value)).toMatch(/took longer/);
});

function problemsOf(schema: JsonObject, value: JsonValue): string {
  const output = readOutput(schema, JSON.stringify(value));
  return output.fits ? '' : output.problems.join(' ');
}

function nested(depth: number): JsonObject {
  return depth === 0 ? { type: 'string' } : { type: 'object', properties: { a: nested(depth - 1) } };
}
