import { expect, test } from 'vitest';
import { createPace } from './pace.ts';

/** A lane in which as much time passes between two looks as the pace wants. */
function paced(most: number, utilization: () => number): { now(): number; next(): number } {
  let clock = 0;
  const pace = createPace({ most, now: () => clock, utilization });
  return {
    now: () => pace.allowed(),
    next() {
      clock += 50;
      return pace.allowed();
    },
  };
}

test('a lane that keeps up is filled, a busy one holds half as many, and some always', () => {
  let utilization = 0.5;
  const { now, next } = paced(40, () => utilization);
  expect(next()).toBe(40);
  utilization = 0.9;
  expect([next(), next(), next(), next()]).toEqual([20, 10, 8, 8]);
  utilization = 0.5;
  expect(now()).toBe(8);
  expect([next(), next()]).toEqual([12, 16]);
});

test('a lane with few places has no more than them', () => {
  expect(paced(2, () => 0.9).next()).toBe(2);
});
