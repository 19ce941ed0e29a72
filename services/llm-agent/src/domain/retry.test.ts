import { expect, test } from 'vitest';
import { delayBeforeRetry } from './retry.ts';

const policy = { firstDelayMs: 100, maxDelayMs: 1_000 };
const state = { attempt: 1, maxAttempts: 3, remainingMs: 60_000, retryAfterMs: undefined, random: 1 };

test('delays double up to the most, jittered by half', () => {
  expect(delayBeforeRetry(policy, state)).toBe(100);
  expect(delayBeforeRetry(policy, { ...state, attempt: 2, random: 0 })).toBe(100);
  expect(delayBeforeRetry(policy, { ...state, attempt: 8, maxAttempts: 10 })).toBe(1_000);
});

test('what the provider asks for is waited', () => {
  expect(delayBeforeRetry(policy, { ...state, retryAfterMs: 5_000 })).toBe(5_000);
});

test('no retry beyond the last attempt or the deadline', () => {
  expect(delayBeforeRetry(policy, { ...state, attempt: 3 })).toBeUndefined();
  expect(delayBeforeRetry(policy, { ...state, retryAfterMs: 60_000 })).toBeUndefined();
});
