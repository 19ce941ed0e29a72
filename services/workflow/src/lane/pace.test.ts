import { expect, test } from 'vitest';
import { createPace } from './pace.ts';

test('a lane that keeps up is filled, one that falls behind holds half as many, and a few always', () => {
  let clock = 0;
  let behind = false;
  const pace = createPace({ most: 10, isBehind: () => behind, now: () => clock, utilization: () => 0 });
  const next = () => {
    clock += 50;
    return pace.allowed();
  };
  expect(next()).toBe(10);
  behind = true;
  expect([next(), next(), next()]).toEqual([5, 4, 4]);
  behind = false;
  expect(pace.allowed()).toBe(4);
  expect([next(), next(), next(), next()]).toEqual([6, 8, 10, 10]);
});

test('a busy event loop counts as being behind; a lane with few places has no more than them', () => {
  const pace = createPace({ most: 2, isBehind: () => false, now: () => Date.now(), utilization: () => 0.9 });
  expect(pace.allowed()).toBe(2);
});
