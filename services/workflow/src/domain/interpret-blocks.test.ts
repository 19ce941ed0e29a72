import { expect, test } from 'vitest';
import { definitionOf, simulate, type World } from '../../test/simulate.ts';
import type { JsonObject } from './json.ts';
import { compensationOf, statusOf } from './run-state.ts';

const effect = (id: string, rest: JsonObject = {}): JsonObject => ({
  id,
  kind: 'http',
  url: 'http://x.example',
  undo: { url: 'http://x.example/undo' },
  ...rest,
});
const value = (id: string, text: string, rest: JsonObject = {}): JsonObject => ({
  id,
  kind: 'transform',
  value: text,
  ...rest,
});
const fan = (join: string | number, ...names: string[]): JsonObject => ({
  id: 'fan',
  kind: 'parallel',
  join,
  branches: names.map((name) => ({ name, steps: [effect(name)] })),
});
const well: World = (action) => ({ output: action.path });
/** Answers well but for what is listed, by path. */
const world =
  (answers: Record<string, JsonObject | string>): World =>
  (action) =>
    action.type === 'undo' ? {} : (answers[action.path] ?? { output: action.path });
const first = () => 0;
const last = (many: number) => many - 1;

test('branches are under way at once; after the block its output is known, and only that', () => {
  const definition = definitionOf({
    steps: [
      value('before', '${1 + 1}', { next: 'fan' }),
      {
        id: 'fan',
        kind: 'parallel',
        branches: [
          { name: 'left', steps: [effect('a', { body: '${steps.before.output}', next: 'b' }), effect('b')] },
          { name: 'right', steps: [effect('c')], output: { c: '${steps.c.output}', two: '${steps.before.output}' } },
        ],
      },
    ],
    output: { all: '${steps.fan.output}' },
  });
  const { performed, state, journal } = simulate(definition, {}, well);
  expect(performed).toEqual(['step fan[left]/a#1', 'step fan[right]/c#1', 'step fan[left]/b#1']);
  expect(state.output).toEqual({ all: { left: 'fan[left]/b', right: { c: 'fan[right]/c', two: 2 } } });
  expect(journal.find((entry) => entry.kind === 'step_started' && entry.stepId === 'a')).toMatchObject({
    path: 'fan[left]/a',
    effectKey: 'run-1/fan[left]/a#1/do',
    input: { body: 2 },
  });
  expect([state.frames.size, state.blocks.size, state.open.size]).toEqual([1, 0, 0]);
});

test('where all branches are needed the first that fails fails the block; the others are given up and all is undone', () => {
  const { performed, state, journal } = simulate(
    definitionOf({ steps: [effect('open', { next: 'fan' }), fan('all', 'a', 'b', 'c')] }),
    {},
    world({ 'fan[b]/b': 'REFUSED' }),
    { pick: (many) => Math.min(1, many - 1) },
  );
  expect(performed.slice(0, 2)).toEqual(['step open#1', 'step fan[b]/b#1']);
  expect(performed.slice(2)).toEqual(['undo fan[c]/c#1', 'undo fan[b]/b#1', 'undo fan[a]/a#1', 'undo open#1']);
  expect(
    journal.filter((entry) => entry.kind === 'step_failed').map(({ path, reason }) => `${path} ${reason}`),
  ).toEqual(['fan[b]/b REFUSED', 'fan[a]/a NOT_NEEDED', 'fan[c]/c NOT_NEEDED', 'fan REFUSED']);
  expect(state.failing).toMatchObject({ reason: 'REFUSED', path: 'fan[b]/b' });
  expect([statusOf(state), compensationOf(state)]).toEqual(['failed', 'complete']);
});

test('the first branch of any wins; what the others did is undone before the run goes on', () => {
  const definition = definitionOf({
    steps: [{ ...fan('any', 'a', 'b', 'c'), next: 'after' }, effect('after')],
    output: { won: '${steps.fan.output}' },
  });
  const { performed, state } = simulate(definition, {}, well, { pick: last });
  expect(performed).toEqual(['step fan[c]/c#1', 'undo fan[b]/b#1', 'undo fan[a]/a#1', 'step after#1']);
  expect(state.output).toEqual({ won: { c: 'fan[c]/c' } });
  expect([statusOf(state), compensationOf(state)]).toEqual(['completed', 'complete']);
});

test('two of three: one may fail, and is undone; two that fail fail the block', () => {
  const definition = definitionOf({ steps: [fan(2, 'a', 'b', 'c')], output: { got: '${steps.fan.output}' } });
  const one = simulate(definition, {}, world({ 'fan[a]/a': 'REFUSED' }), { pick: first });
  expect(one.state.output).toEqual({ got: { b: 'fan[b]/b', c: 'fan[c]/c' } });
  expect(one.performed.slice(-1)).toEqual(['undo fan[a]/a#1']);
  const two = simulate(definition, {}, world({ 'fan[a]/a': 'REFUSED', 'fan[b]/b': 'GONE' }), { pick: first });
  expect(two.state.failing).toMatchObject({ failure: 'failed' });
  expect(two.performed.slice(-3)).toEqual(['undo fan[c]/c#1', 'undo fan[b]/b#1', 'undo fan[a]/a#1']);
});

test('a map goes through its items, so many at once, and gives what they gave in order', () => {
  const definition = definitionOf({
    steps: [
      {
        id: 'each',
        kind: 'map',
        items: '${input.list}',
        as: 'name',
        indexAs: 'place',
        maxConcurrency: 2,
        steps: [effect('send', { body: '${name}', next: 'mark' }), value('mark', '${name}-${place}')],
      },
    ],
    output: { all: '${steps.each.output}' },
  });
  let most = 0;
  let open = 0;
  const { state, journal } = simulate(definition, { list: ['x', 'y', 'z', 'u', 'v'] }, well, { pick: last });
  for (const entry of journal) {
    if (entry.kind === 'step_started' && entry.stepId === 'send') most = Math.max(most, ++open);
    if (entry.kind === 'step_completed' && entry.stepId === 'send') open -= 1;
  }
  expect(most).toBe(2);
  expect(state.output).toEqual({ all: ['x-0', 'y-1', 'z-2', 'u-3', 'v-4'] });
  expect(simulate(definition, { list: [] }, well).state.output).toEqual({ all: [] });
  expect(simulate(definition, { list: 'x' }, well).state.failing).toMatchObject({
    reason: 'MAP_ITEMS_INVALID',
    path: 'each',
  });
  const many = Array.from({ length: 10_001 }, (_, index) => index);
  expect(simulate(definition, { list: many }, well).state.failing).toMatchObject({ reason: 'MAP_TOO_LARGE' });
});

test('an item that fails fails the map, or is collected and what it did is undone', () => {
  const map = (rest: JsonObject): JsonObject => ({
    steps: [{ id: 'each', kind: 'map', items: '${input.list}', steps: [effect('send')], ...rest }],
    output: { all: '${steps.each.output}', errors: '${steps.each.errors}' },
  });
  const input = { list: [1, 2, 3] };
  const answers = world({ 'each[1]/send': 'REFUSED' });
  const failed = simulate(definitionOf(map({})), input, answers);
  expect(failed.state.failing).toMatchObject({ reason: 'REFUSED', path: 'each[1]/send' });
  expect(failed.performed.slice(-3)).toEqual(['undo each[2]/send#1', 'undo each[1]/send#1', 'undo each[0]/send#1']);
  const collected = simulate(definitionOf(map({ onItemError: 'collect' })), input, answers);
  expect(collected.state.output).toEqual({
    all: ['each[0]/send', null, 'each[2]/send'],
    errors: [{ index: 1, reason: 'REFUSED', message: 'REFUSED', path: 'each[1]/send' }],
  });
  expect(collected.performed.slice(3)).toEqual(['undo each[1]/send#1']);
});

test('blocks stand inside of blocks; an item sees what is around it', () => {
  const definition = definitionOf({
    steps: [
      {
        id: 'rows',
        kind: 'map',
        items: '${input.rows}',
        as: 'row',
        steps: [
          value('size', '${row.size()}', { next: 'cells' }),
          {
            id: 'cells',
            kind: 'map',
            items: '${row}',
            as: 'cell',
            indexAs: 'column',
            steps: [value('sum', '${cell + steps.size.output + index + column}')],
          },
        ],
      },
    ],
    output: { all: '${steps.rows.output}' },
  });
  const { state, performed } = simulate(definition, { rows: [[10, 20], [30]] }, well);
  expect(state.output).toEqual({ all: [[12, 23], [32]] });
  expect(performed).toEqual([]);
});

test('a step that fails is caught: its effects are undone, and the run goes on elsewhere', () => {
  const definition = definitionOf({
    steps: [
      effect('open', { next: 'send' }),
      effect('send', { onError: { next: 'tell' }, next: '$end' }),
      value('tell', '${steps.send.error.reason}'),
    ],
    output: { told: '${steps.tell.output}' },
  });
  const { performed, state } = simulate(definition, {}, world({ send: 'REFUSED' }));
  expect(performed).toEqual(['step open#1', 'step send#1', 'undo send#1']);
  expect(state.output).toEqual({ told: 'REFUSED' });
  expect([statusOf(state), compensationOf(state)]).toEqual(['completed', 'complete']);
});

test('a savepoint keeps what was done before it, for a caught step and for a failed run', () => {
  const steps = (onError: JsonObject): JsonObject[] => [
    effect('a', { savepoint: 'safe', next: 'b' }),
    effect('b', { next: 'c' }),
    effect('c', { next: 'd', ...onError }),
    effect('d'),
  ];
  const answers = world({ c: 'REFUSED' });
  const caught = simulate(definitionOf({ steps: steps({ onError: { rollbackTo: 'safe', next: 'd' } }) }), {}, answers);
  expect(caught.performed.slice(3)).toEqual(['undo c#1', 'undo b#1', 'step d#1']);
  const failed = simulate(definitionOf({ steps: steps({}), onFailure: { rollbackTo: 'safe' } }), {}, answers);
  expect(failed.performed.slice(3)).toEqual(['undo c#1', 'undo b#1']);
  expect([statusOf(failed.state), compensationOf(failed.state)]).toEqual(['failed', 'complete']);
  const early = simulate(
    definitionOf({ steps: steps({}), onFailure: { rollbackTo: 'safe' } }),
    {},
    world({ a: 'REFUSED' }),
  );
  expect(early.performed).toEqual(['step a#1', 'undo a#1']);
});

test('an undo that is stuck while the run goes on does not hold it up, and is tried on', () => {
  let tries = 0;
  const stubborn: World = (action) =>
    action.type === 'undo' && action.path === 'fan[a]/a' && ++tries < 3 ? 'STUCK' : well(action);
  const definition = definitionOf({ steps: [{ ...fan('any', 'a', 'b'), next: 'after' }, effect('after')] });
  const { performed, state, journal } = simulate(definition, {}, stubborn, { pick: last });
  expect(performed.filter((name) => name.startsWith('undo'))).toEqual(Array(3).fill('undo fan[a]/a#1'));
  expect(performed).toContain('step after#1');
  expect(journal.at(-1)?.kind).toBe('compensation_completed');
  expect([statusOf(state), compensationOf(state), state.settled]).toEqual(['completed', 'complete', true]);
});
