import { expect, test } from 'vitest';
import { definitionOf, simulate } from '../../test/simulate.ts';
import { stepKinds } from '../steps/catalogue.ts';
import { dryRun } from './dry-run/dry-run.ts';
import { reportOf } from './dry-run/report.ts';
import type { JsonObject } from './json.ts';
import { createDefinitionReader } from './read-definition.ts';

const give = (id: string, value: unknown, rest: JsonObject = {}): JsonObject => ({
  ...{ id, kind: 'transform', value: value as never },
  ...rest,
});
const ask = (id: string, rest: JsonObject = {}): JsonObject => ({
  ...{ id, kind: 'agent', agentSlug: 'a', prompt: 'x' },
  ...rest,
});
const run = (json: JsonObject, pick?: (many: number) => number) =>
  simulate(definitionOf(json), { n: 2 }, ({ stepId }) => ({ output: stepId }), { ...(pick && { pick }) });

test('a step writes when it is completed; what comes later reads it, inside of blocks too', () => {
  const { state } = run({
    context: { count: '${input.n}', seen: [] },
    steps: [
      give('one', '${context.count + 1}', { context: { count: '${steps.one.output}', note: 'n' }, next: 'each' }),
      {
        id: 'each',
        kind: 'map',
        items: [1, 2],
        steps: [give('add', '${item + context.count}')],
        context: { seen: '${steps.each.output}' },
      },
    ],
    output: { all: '${context}' },
  });
  expect(state.output).toEqual({ all: { count: 3, note: 'n', seen: [4, 5] } });
  expect(state.context).toEqual({ count: 3, note: 'n', seen: [4, 5] });
});

test('of branches that write a name, the one counts that is completed last', () => {
  const branch = (name: string) => ({ name, steps: [ask(name, { context: { last: name, [name]: 1 } })] });
  const json = { steps: [{ id: 'fan', kind: 'parallel', branches: [branch('left'), branch('right')] }] };
  expect(run(json, () => 0).state.context).toEqual({ last: 'right', left: 1, right: 1 });
  expect(run(json, (many) => many - 1).state.context).toEqual({ last: 'left', left: 1, right: 1 });
});

test('a context that grows too large fails the run, and what was done is undone', () => {
  const effect = { id: 'do', kind: 'http', url: 'http://x', undo: { url: 'http://x' }, next: 'grow' };
  const long = 'x'.repeat(40_000);
  const grow = give('grow', long, { context: { a: long, b: '${steps.grow.output}' } });
  const { state, performed } = run({ steps: [effect, grow] });
  expect(state).toMatchObject({ failing: { reason: 'CONTEXT_TOO_LARGE', path: 'grow' }, context: undefined });
  expect(performed).toEqual(['step do#1', 'undo do#1']);
  expect(run({ context: { a: long, b: long }, steps: [ask('a')] })).toMatchObject({
    state: { failing: { reason: 'CONTEXT_TOO_LARGE' } },
    performed: [],
  });
  expect(
    run({ steps: [give('a', '${context.b}', { next: 'b' }), give('b', 1, { context: { b: 1 } })] }).state,
  ).toMatchObject({ failing: { reason: 'EXPRESSION_FAILED', path: 'a' } });
});

test('what nobody writes is refused before a run', () => {
  const read = createDefinitionReader(stepKinds);
  const { problems } = read({
    context: { a: '${steps.one.output}', b: '${context.a}', c: '${input.c}' },
    steps: [
      give('one', '${context.missing}', {
        context: { own: '${steps.one.output}', later: '${steps.two.output}' },
        next: 'two',
      }),
      give('two', '${context.own}', { context: { Upper: 1 } }),
    ],
  });
  expect(problems.map(({ pointer, reason }) => `${pointer} ${reason}`)).toEqual(['/steps/1/context FIELD_INVALID']);
  const known = read({
    context: { a: '${steps.one.output}', b: '${context.a}', c: '${input.c}' },
    steps: [
      give('one', '${context.missing}', {
        context: { own: '${steps.one.output}', later: '${steps.two.output}' },
        next: 'two',
      }),
      give('two', '${context.own}'),
    ],
  });
  expect(known.problems.map(({ pointer, reason }) => `${pointer} ${reason}`)).toEqual([
    '/context/a EXPRESSION_STEP_NOT_RUN',
    '/context/b EXPRESSION_UNKNOWN_FIELD',
    '/steps/0/value EXPRESSION_UNKNOWN_FIELD',
    '/steps/0/context/later EXPRESSION_STEP_NOT_RUN',
  ]);
});

test('a dry run knows the context, but not who of a block writes last', () => {
  const branch = (name: string) => ({ name, steps: [give(name, 1, { context: { last: name } })] });
  const definition = definitionOf({
    context: { n: '${input.n}' },
    steps: [
      ask('ask', { context: { said: '${steps.ask.output}', twice: '${context.n * 2}' }, next: 'fan' }),
      { id: 'fan', kind: 'parallel', branches: [branch('left'), branch('right')], next: 'end' },
      give('end', { last: '${context.last}', twice: '${context.twice}', said: '${context.said}' }),
    ],
  });
  const wish = { workflowId: 'w', workflowSlug: 'w', workflowVersion: 1, startedBy: 'u' };
  const report = reportOf(dryRun(definition, { input: { n: 2 }, run: wish, assumptions: [], now: new Date() }));
  expect(report.outcome).toBe('completed');
  expect(report.steps[0]?.context).toEqual({ said: '${steps.ask.output}', twice: 4 });
  expect(report.steps.at(-1)).toMatchObject({
    output: { last: '${context.last}', twice: 4, said: '${context.said}' },
    unknownOutput: ['/last', '/said'],
  });
});
