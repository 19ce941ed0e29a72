import { expect, test } from 'vitest';
import { createPace } from './pace.ts';

interface Circumstances {
  utilization: number;
  isShared: boolean;
}

/** A lane in which as much time passes between two looks as the pace wants. */
function paced(most: number, circumstances: Circumstances): { now(): number; next(): number } {
  let clock = 0;
  const pace = createPace({
    most,
    now: () => clock,
    utilization: () => circumstances.utilization,
    isShared: () => circumstances.isShared,
  });
  return {
    now: () => pace.allowed(),
    next() {
      clock += 50;
      return pace.allowed();
    },
  };
}

test('a lane that keeps up is filled, a busy one holds half as many, and some always', () => {
  const circumstances = { utilization: 0.5, isShared: false };
  const { now, next } = paced(40, circumstances);
  expect(next()).toBe(40);
  circumstances.utilization = 0.9;
  expect([next(), next(), next()]).toEqual([20, 16, 16]);
  circumstances.utilization = 0.5;
  expect(now()).toBe(16);
  expect([next(), next()]).toEqual([20, 24]);
});

test('where several tenants come, a third of the time stays free', () => {
  const circumstances = { utilization: 0.7, isShared: false };
  const { next } = paced(40, circumstances);
  expect([next(), next()]).toEqual([40, 40]);
  circumstances.isShared = true;
  expect([next(), next(), next(), next(), next(), next()]).toEqual([20, 10, 5, 2, 2, 2]);
  circumstances.utilization = 0.6;
  expect([next(), next()]).toEqual([3, 4]);
});

test('a lane with few places has no more than them', () => {
  expect(paced(2, { utilization: 0.9, isShared: false }).next()).toBe(2);
  expect(paced(1, { utilization: 0.9, isShared: true }).next()).toBe(1);
});
