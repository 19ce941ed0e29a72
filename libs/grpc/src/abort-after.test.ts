import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { abortAfter } from './abort-after.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('its time is over for a reason of its own, and begins anew with each sign of life', () => {
  const { signal, restart } = abortAfter(undefined, 1_000, () => 'silent');
  for (let sign = 0; sign < 5; sign += 1) {
    vi.advanceTimersByTime(900);
    restart();
  }
  expect(signal.aborted).toBe(false);
  vi.advanceTimersByTime(1_000);
  expect([signal.aborted, signal.reason]).toEqual([true, 'silent']);
});

test('it goes with its parent, then or before', () => {
  const parent = new AbortController();
  const during = abortAfter(parent.signal, 1_000, () => 'silent');
  parent.abort('given up');
  expect(during.signal.reason).toBe('given up');
  expect(abortAfter(parent.signal, 1_000, () => 'silent').signal.reason).toBe('given up');
});

test('once it is cleared, neither matters', () => {
  const parent = new AbortController();
  const { signal, clear } = abortAfter(parent.signal, 1_000, () => 'silent');
  clear();
  parent.abort('given up');
  vi.advanceTimersByTime(2_000);
  expect(signal.aborted).toBe(false);
});
