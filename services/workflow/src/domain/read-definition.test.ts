import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { releaseWatch } from '../../test/release-watch.ts';
import { stepKinds } from '../steps/catalogue.ts';
import type { JsonObject } from './json.ts';
import { createDefinitionReader } from './read-definition.ts';

const read = createDefinitionReader(stepKinds);

/** Each problem as `pointer reason`. */
function problemsOf(steps: JsonObject[], rest: JsonObject = {}): string[] {
  return read({ steps, ...rest }).problems.map(({ pointer, reason }) => `${pointer} ${reason}`);
}

const agent = (id: string, rest: JsonObject = {}): JsonObject => ({
  id,
  kind: 'agent',
  agentId: 'a',
  prompt: 'p',
  ...rest,
});
const http = (id: string, rest: JsonObject = {}): JsonObject => ({
  id,
  kind: 'http',
  url: 'http://x.example',
  undo: { url: 'http://x.example' },
  ...rest,
});
const check = (id: string, rest: JsonObject = {}): JsonObject => ({
  id,
  kind: 'validation',
  scoringModelId: 'm',
  content: 'c',
  ...rest,
});
const route = (id: string, when: string, next: string, otherwise: string): JsonObject => ({
  id,
  kind: 'decision',
  cases: [{ when, next }],
  default: { next: otherwise },
});

test('a definition with every kind of step has no problem', () => {
  expect(read(releaseWatch()).problems).toEqual([]);
});

test('the definition of the demo has no problem', () => {
  const file = new URL('../../../../demo/definitions/release-watch.json', import.meta.url);
  expect(read(JSON.parse(readFileSync(file, 'utf8')) as JsonObject).problems).toEqual([]);
});

test('shapes are checked against the schema of the step’s own kind', () => {
  expect(problemsOf([{ id: 'a', kind: 'agent', agentId: 'x', prompt: 3, colour: 'red' }])).toEqual([
    '/steps/0/colour FIELD_UNKNOWN',
    '/steps/0/prompt FIELD_INVALID',
  ]);
  expect(problemsOf([{ id: 'a', kind: 'http' }])).toEqual(['/steps/0/url FIELD_MISSING']);
  expect(problemsOf([{ id: 'A-b', kind: 'agent', agentId: 'x', prompt: 'p' }])).toEqual(['/steps/0/id FIELD_INVALID']);
  expect(problemsOf([{ id: 'a', kind: 'teleport' }])).toEqual(['/steps/0/kind STEP_KIND_UNKNOWN']);
  expect(problemsOf([])).toEqual(['/steps FIELD_INVALID']);
  expect(read([]).problems).toMatchObject([{ pointer: '', reason: 'FIELD_INVALID' }]);
  expect(problemsOf([{ ...route('r', 'true', '$end', '$end'), next: '$end' }])).toEqual([
    '/steps/0/next FIELD_UNKNOWN',
  ]);
});

test('an agent is named once', () => {
  expect(problemsOf([{ id: 'a', kind: 'agent', prompt: 'p' }])).toEqual(['/steps/0/agentId FIELD_INVALID']);
  expect(problemsOf([agent('a', { agentSlug: 's' })])).toEqual(['/steps/0/agentSlug FIELD_INVALID']);
});

test('size and number of steps are limited', () => {
  expect(problemsOf([agent('a', { prompt: 'x'.repeat(300_000) })])).toEqual([' DEFINITION_TOO_LARGE']);
  expect(problemsOf(Array.from({ length: 501 }, (_, index) => agent(`s${index}`)))).toEqual(['/steps STEPS_TOO_MANY']);
});

test('a cycle is named with its steps and the edge that closes it', () => {
  const { problems } = read({
    steps: [agent('a', { next: 'b' }), agent('b', { next: 'c' }), agent('c', { next: 'a' })],
  });
  expect(problems).toEqual([
    { pointer: '/steps/2/next', reason: 'CYCLE', message: expect.stringContaining('a → b → c → a') },
  ]);
});

test('unknown, unreachable and doubled steps are found', () => {
  expect(problemsOf([agent('a', { next: 'zzz' })])).toEqual(['/steps/0/next STEP_UNKNOWN']);
  expect(problemsOf([agent('a'), agent('b')])).toEqual(['/steps/1 STEP_UNREACHABLE']);
  expect(problemsOf([agent('a'), agent('a')])).toContain('/steps/1/id STEP_ID_DUPLICATE');
});

test('only a validation leads back, and only to an agent before it', () => {
  expect(problemsOf([agent('a', { next: 'c' }), check('c', { reask: { step: 'a' } })])).toEqual([]);
  expect(problemsOf([http('h', { next: 'c' }), check('c', { reask: { step: 'h' } })])).toEqual([
    '/steps/1/reask/step REASK_INVALID',
  ]);
  expect(problemsOf([check('c', { reask: { step: 'a' }, next: 'a' }), agent('a')])).toEqual([
    '/steps/0/reask/step REASK_INVALID',
  ]);
  expect(problemsOf([check('c', { reask: { step: 'q' } })])).toEqual(['/steps/0/reask/step STEP_UNKNOWN']);
});

test('expressions are compiled, typed, and may only speak of steps that can have run', () => {
  expect(problemsOf([agent('a', { prompt: '${input.}' })])).toEqual(['/steps/0/prompt EXPRESSION_INVALID']);
  expect(problemsOf([agent('a', { prompt: '${inputs.x}' })])).toEqual(['/steps/0/prompt EXPRESSION_INVALID']);
  expect(problemsOf([agent('a', { prompt: 'no end ${input.x' })])).toEqual(['/steps/0/prompt TEMPLATE_INVALID']);
  expect(problemsOf([route('r', "'text'", '$end', '$end')])).toEqual(['/steps/0/cases/0/when EXPRESSION_TYPE']);
  expect(problemsOf([agent('a', { prompt: '${steps.b.output}', next: 'b' }), agent('b')])).toEqual([
    '/steps/0/prompt EXPRESSION_STEP_NOT_RUN',
  ]);
  expect(problemsOf([agent('a', { prompt: '${steps.ghost.output}' })])).toEqual(['/steps/0/prompt STEP_UNKNOWN']);
  expect(problemsOf([agent('a', { prompt: '${steps}' })])).toEqual(['/steps/0/prompt EXPRESSION_INVALID']);
  expect(problemsOf([agent('a')], { output: { 'x/y': '${steps.ghost.output}' } })).toEqual([
    '/output/x~1y STEP_UNKNOWN',
  ]);
});

test('an undo is planned before the effect: it knows the effect’s key, not its output', () => {
  expect(problemsOf([http('h', { undo: { url: 'http://x.example/${effect.key}' } })])).toEqual([]);
  expect(problemsOf([http('h', { undo: { url: 'http://x.example/${steps.h.output}' } })])).toEqual([
    '/steps/0/undo/url EXPRESSION_STEP_NOT_RUN',
  ]);
  expect(problemsOf([http('h', { url: 'http://x.example/${effect.key}' })])).toEqual([
    '/steps/0/url EXPRESSION_INVALID',
  ]);
});

test('input that a closed schema does not know cannot be used', () => {
  const input = { schema: { type: 'object', additionalProperties: false, properties: { text: { type: 'string' } } } };
  expect(problemsOf([agent('a', { prompt: '${input.text}' })], { input })).toEqual([]);
  expect(problemsOf([agent('a', { prompt: '${input.txt}' })], { input })).toEqual([
    '/steps/0/prompt EXPRESSION_UNKNOWN_FIELD',
  ]);
});

test('every http step is an effect: undo, or irreversible behind a passed validation on every path', () => {
  const call = { id: 'h', kind: 'http', url: 'http://x.example' };
  expect(problemsOf([{ ...call, method: 'GET' }])).toEqual(['/steps/0 EFFECT_WITHOUT_UNDO']);
  expect(problemsOf([{ ...call, irreversible: true }])).toEqual(['/steps/0/irreversible IRREVERSIBLE_UNCHECKED']);
  expect(problemsOf([check('c', { minimum: 'passed', next: 'h' }), { ...call, irreversible: true }])).toEqual([]);
  expect(problemsOf([check('c', { minimum: 'warning', next: 'h' }), { ...call, irreversible: true }])).toEqual([
    '/steps/1/irreversible IRREVERSIBLE_UNCHECKED',
  ]);
  const around = [
    route('r', 'true', 'c', 'h'),
    check('c', { minimum: 'passed', next: 'h' }),
    { ...call, irreversible: true },
  ];
  expect(problemsOf(around)).toEqual(['/steps/2/irreversible IRREVERSIBLE_UNCHECKED']);
  expect(problemsOf([check('c', { minimum: 'passed', next: 'h' }), http('h', { irreversible: true })])).toEqual([
    '/steps/1/irreversible IRREVERSIBLE_WITH_UNDO',
  ]);
});

test('an input schema with a reference or of no sense is refused', () => {
  expect(problemsOf([agent('a')], { input: { schema: { $ref: 'http://evil.example' } } })).toEqual([
    '/input/schema INPUT_SCHEMA_INVALID',
  ]);
  expect(problemsOf([agent('a')], { input: { schema: { type: 'potato' } } })).toEqual([
    '/input/schema INPUT_SCHEMA_INVALID',
  ]);
  expect(problemsOf([agent('a')], { input: { schema: { pattern: '(?=x)' } } })).toEqual([
    '/input/schema INPUT_SCHEMA_INVALID',
  ]);
});

test('every problem is reported at once', () => {
  expect(
    problemsOf([agent('a', { prompt: '${', next: 'nope' }), { id: 'b', kind: 'http', url: '${1 +}' }]).sort(),
  ).toEqual([
    '/steps/0/next STEP_UNKNOWN',
    '/steps/0/prompt TEMPLATE_INVALID',
    '/steps/1 EFFECT_WITHOUT_UNDO',
    '/steps/1 STEP_UNREACHABLE',
    '/steps/1/url EXPRESSION_INVALID',
  ]);
});
