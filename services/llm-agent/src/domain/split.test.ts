import { expect, test } from 'vitest';
import { changeSplit, versionOf } from './split.ts';

const keys = Array.from({ length: 20_000 }, (_, index) => `key-${index}`);
const assign = (weights: Record<number, number>) => {
  const arms = Object.entries(weights).map(([version, weight]) => ({ version: Number(version), weight }));
  return keys.map((key) => versionOf({ id: 'one', arms }, key));
};
const partOf = (versions: readonly number[], version: number) =>
  versions.filter((one) => one === version).length / versions.length;

test('keys are spread by weight, and each keeps its version', () => {
  const versions = assign({ 1: 90, 2: 10 });
  expect(partOf(versions, 2)).toBeCloseTo(0.1, 1);
  expect(partOf(versions, 1)).toBeCloseTo(0.9, 1);
  expect(assign({ 2: 10, 1: 90 })).toEqual(versions);
});

test('a change of weights moves keys only to the arm that grew, and as few as it can', () => {
  const before = assign({ 1: 50, 2: 50 });
  const after = assign({ 1: 40, 2: 60 });
  const moved = keys.flatMap((_, index) =>
    before[index] === after[index] ? [] : [`${before[index]}→${after[index]}`],
  );
  expect(new Set(moved)).toEqual(new Set(['1→2']));
  expect(moved.length / keys.length).toBeCloseTo(0.1, 1);
});

test('a split is the same one while its versions are; a version takes part once', () => {
  const ids = ['a', 'b'];
  const newId = () => ids.shift() ?? '';
  const first = changeSplit(
    undefined,
    [
      { version: 1, weight: 1 },
      { version: 2, weight: 1 },
    ],
    newId,
  );
  const heavier = changeSplit(
    first,
    [
      { version: 2, weight: 9 },
      { version: 1, weight: 1 },
    ],
    newId,
  );
  const other = changeSplit(
    heavier,
    [
      { version: 2, weight: 9 },
      { version: 3, weight: 1 },
    ],
    newId,
  );
  expect([first?.id, heavier?.id, other?.id, changeSplit(other, [], newId)]).toEqual(['a', 'a', 'b', undefined]);
  const twice = [
    { version: 1, weight: 1 },
    { version: 1, weight: 2 },
  ];
  expect(() => changeSplit(undefined, twice, newId)).toThrow(expect.objectContaining({ reason: 'SPLIT_INVALID' }));
});
