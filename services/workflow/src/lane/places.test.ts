import { expect, test } from 'vitest';
import { createPlaces } from './places.ts';

test('a lane is shared for a while after runs of another tenant began there', () => {
  let now = 0;
  const places = createPlaces({ runs: 4, weightOf: () => 1, now: () => now });
  expect(places.isShared()).toBe(false);
  places.take('a').release();
  places.take('a').release();
  expect(places.isShared()).toBe(false);
  places.take('b').release();
  expect(places.isShared()).toBe(true);
  now = 59_999;
  expect(places.isShared()).toBe(true);
  now = 60_000;
  expect(places.isShared()).toBe(false);
});
