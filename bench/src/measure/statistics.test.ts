import { expect, test } from 'vitest';
import { medianOf, percentile, spreadOf } from './statistics.ts';

test('a percentile is one of the figures, whatever their order', () => {
  const figures = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(percentile(figures, 0.5)).toBe(51);
  expect(percentile(figures, 0.99)).toBe(100);
  expect(percentile([7], 0.99)).toBe(7);
  expect(percentile([], 0.5)).toBeNaN();
});

test('the median of an even number of figures lies between the middle two', () => {
  expect(medianOf([4, 1, 3, 2])).toBe(2.5);
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 });
});
