import { expect, test } from 'vitest';
import { stepKinds } from '../steps/catalogue.ts';
import type { JsonObject } from './json.ts';
import { createDefinitionReader } from './read-definition.ts';

const read = createDefinitionReader(stepKinds);
const problemsOf = (steps: JsonObject[], rest: JsonObject = {}): string[] =>
  read({ steps, ...rest }).problems.map(({ pointer, reason }) => `${pointer} ${reason}`);

const value = (id: string, text = 'x', rest: JsonObject = {}): JsonObject => ({
  id,
  kind: 'transform',
  value: text,
  ...rest,
});
const call = (id: string, rest: JsonObject = {}): JsonObject => ({
  id,
  kind: 'http',
  url: 'http://x.example',
  ...rest,
});
const undone = (id: string, rest: JsonObject = {}) => call(id, { undo: { url: 'http://x.example' }, ...rest });
const check = (id: string, rest: JsonObject = {}): JsonObject => ({
  id,
  kind: 'validation',
  scoringModelId: 'm',
  content: 'c',
  minimum: 'passed',
  ...rest,
});
const map = (id: string, steps: JsonObject[], rest: JsonObject = {}): JsonObject => ({
  id,
  kind: 'map',
  items: '${input.list}',
  steps,
  ...rest,
});
const fan = (id: string, branches: JsonObject[][], rest: JsonObject = {}): JsonObject => ({
  id,
  kind: 'parallel',
  branches: branches.map((steps, index) => ({ name: `b${index}`, steps })),
  ...rest,
});

test('steps inside of steps are checked like those outside, each with its exact place', () => {
  expect(problemsOf([fan('f', [[value('a', 'x', { next: 'zzz' })], [{ id: 'b', kind: 'transform' }]])])).toEqual([
    '/steps/0/branches/1/steps/0/value FIELD_MISSING',
  ]);
  expect(problemsOf([fan('f', [[value('a', 'x', { next: 'b' })], [value('b'), value('c')]])])).toEqual([
    '/steps/0/branches/0/steps/0/next STEP_UNKNOWN',
    '/steps/0/branches/1/steps/1 STEP_UNREACHABLE',
  ]);
  expect(problemsOf([map('m', [value('a', '${1 +}')]), value('a')])).toContain(
    '/steps/0/steps/0/value EXPRESSION_INVALID',
  );
  expect(problemsOf([map('m', [value('a')], { next: 'a' }), value('a')])).toEqual([
    '/steps/0/steps/0/id STEP_ID_DUPLICATE',
  ]);
  expect(problemsOf([fan('f', [[value('a')]], { join: 2 })])).toEqual(['/steps/0/join FIELD_INVALID']);
  expect(problemsOf([map('m', [value('a')], { as: 'input' })])).toEqual(['/steps/0/as FIELD_INVALID']);
});

test('what is around a block is seen inside of it; what is inside is not seen outside, nor in another branch', () => {
  const around = (inner: string, after: string) => [
    value('before', 'x', { next: 'f' }),
    fan('f', [[value('a')], [value('b', inner)]], { next: 'after' }),
    value('after', after),
  ];
  expect(problemsOf(around('${steps.before.output}', '${steps.f.output.b0}'))).toEqual([]);
  expect(problemsOf(around('${steps.a.output}', '${steps.a.output}'))).toEqual([
    '/steps/2/value EXPRESSION_STEP_NOT_RUN',
    '/steps/1/branches/1/steps/0/value EXPRESSION_STEP_NOT_RUN',
  ]);
  expect(problemsOf(around('${steps.after.output}', 'x'))).toEqual([
    '/steps/1/branches/1/steps/0/value EXPRESSION_STEP_NOT_RUN',
  ]);
  expect(problemsOf([map('m', [value('a', '${item + index + input.n}')])])).toEqual([]);
  expect(problemsOf([map('m', [value('a')], { next: 'z' }), value('z', '${item}')])).toEqual([
    '/steps/1/value EXPRESSION_INVALID',
  ]);
});

test('the saga proof names the path that leaves an effect without undo, also through blocks', () => {
  const { problems } = read({
    steps: [value('a', 'x', { next: 'm' }), map('m', [value('b', 'x', { next: 'h' }), call('h')])],
  });
  expect(problems).toMatchObject([
    { pointer: '/steps/1/steps/1', reason: 'EFFECT_WITHOUT_UNDO', message: expect.stringContaining('a → m → b → h') },
  ]);
});

test('an irreversible step stands behind a proof on every path, through branches too', () => {
  const final = call('last', { irreversible: true });
  const after = (block: JsonObject) => problemsOf([{ ...block, next: 'last' }, final]);
  const unproven = ['/steps/1/irreversible IRREVERSIBLE_UNCHECKED'];
  expect(after(fan('f', [[check('c')], [value('a')]]))).toEqual([]);
  expect(after(fan('f', [[check('c')], [value('a')]], { join: 'any' }))).toEqual(unproven);
  expect(after(fan('f', [[check('c')], [check('d')]], { join: 'any' }))).toEqual([]);
  expect(after(fan('f', [[check('c')], [check('d')], [value('a')]], { join: 2 }))).toEqual([]);
  expect(after(map('m', [check('c')]))).toEqual(unproven);
  expect(after(check('c', { onError: { next: 'last' } }))).toEqual(unproven);
  expect(problemsOf([check('c', { next: 'm' }), map('m', [call('h', { irreversible: true })])])).toEqual([]);
  expect(problemsOf([map('m', [call('h', { irreversible: true })])])).toEqual([
    '/steps/0/steps/0/irreversible IRREVERSIBLE_UNCHECKED',
  ]);
});

test('savepoints stand at the root, once, before whoever goes back to them', () => {
  const back = (id: string) => undone(id, { onError: { next: '$end', rollbackTo: 'safe' } });
  expect(problemsOf([value('a', 'x', { savepoint: 'safe', next: 'b' }), back('b')])).toEqual([]);
  expect(problemsOf([back('b')])).toEqual(['/steps/0/onError/rollbackTo SAVEPOINT_UNKNOWN']);
  expect(problemsOf([value('a')], { onFailure: { rollbackTo: 'safe' } })).toEqual([
    '/onFailure/rollbackTo SAVEPOINT_UNKNOWN',
  ]);
  const twice = [value('a', 'x', { savepoint: 's', next: 'b' }), value('b', 'x', { savepoint: 's' })];
  expect(problemsOf(twice)).toEqual(['/steps/1/savepoint SAVEPOINT_INVALID']);
  expect(problemsOf([map('m', [value('a', 'x', { savepoint: 's' })])])).toEqual([
    '/steps/0/steps/0/savepoint SAVEPOINT_INVALID',
  ]);
});

test('too many or too deep steps are refused quickly', () => {
  const startedAt = performance.now();
  expect(
    problemsOf(Array.from({ length: 4000 }, (_, index) => ({ id: `s${index}`, kind: 'wait', duration: 1 }))),
  ).toEqual(['/steps STEPS_TOO_MANY']);
  const items = Array.from({ length: 30 }, (_, at) =>
    map(
      `m${at}`,
      Array.from({ length: 20 }, (_, i) => value(`v${at}_${i}`)),
    ),
  );
  expect(problemsOf(items).join()).toContain('STEPS_TOO_MANY');
  let deep: JsonObject = value('leaf');
  for (let level = 0; level < 1000; level += 1) deep = map(`m${level}`, [deep]);
  expect(problemsOf([deep]).join()).toMatch(/^(\/steps\/0){8}\/steps STEPS_TOO_DEEP$/);
  expect(performance.now() - startedAt).toBeLessThan(2000);
});
