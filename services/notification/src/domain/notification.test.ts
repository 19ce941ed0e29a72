import { expect, test } from 'vitest';
import { type Attempt, canCancel, checkReadable, retryDelayMs, settle } from './notification.ts';

const now = new Date('2026-01-01T00:00:00Z');
const backoff = { firstMs: 1_000, maxMs: 60_000 };
const sending = (retryCount: number) => ({ status: 'sending' as const, retryCount, maxRetries: 3 });
const after = (attempt: Attempt, retryCount = 0) => settle(sending(retryCount), attempt, { now, backoff, random: 0 });

test('a postponed one waits longer each time and fails when its retries are used up', () => {
  const postponed: Attempt = { result: 'postponed', reason: '451 busy' };
  expect(after(postponed, 0)).toEqual({
    status: 'pending',
    errorMessage: '451 busy',
    nextTryAt: new Date(now.getTime() + 1_000),
    finished: false,
  });
  expect(after(postponed, 2).nextTryAt).toEqual(new Date(now.getTime() + 4_000));
  expect(after(postponed, 3)).toMatchObject({ status: 'failed', errorMessage: '451 busy', finished: true });
});

test('what is sent, delivered, refused or bounced is finished', () => {
  expect(after({ result: 'sent' })).toMatchObject({ status: 'sent', errorMessage: '', finished: true });
  expect(after({ result: 'delivered' })).toMatchObject({ status: 'delivered', finished: true });
  expect(after({ result: 'refused', reason: '554 no' })).toMatchObject({ status: 'failed', finished: true });
  expect(after({ result: 'bounced', reason: '550 who' })).toMatchObject({ status: 'bounced', errorMessage: '550 who' });
});

test('only what is being sent can be settled, only what waits can be cancelled', () => {
  expect(() =>
    settle({ ...sending(0), status: 'cancelled' }, { result: 'sent' }, { now, backoff, random: 0 }),
  ).toThrowError(expect.objectContaining({ reason: 'NOTIFICATION_NOT_SENDING' }));
  expect(canCancel({ status: 'pending' })).toBe(true);
  expect(canCancel({ status: 'sending' })).toBe(false);
  expect(canCancel({ status: 'sent' })).toBe(false);
});

test('the back-off is bounded and spread', () => {
  expect(retryDelayMs(1_000, backoff, 0)).toBe(60_000);
  expect(retryDelayMs(0, backoff, 1)).toBe(750);
});

test('only a delivered in-app notification is read', () => {
  expect(() => checkReadable({ channel: 'in_app', status: 'delivered' })).not.toThrow();
  expect(() => checkReadable({ channel: 'email', status: 'sent' })).toThrow();
  expect(() => checkReadable({ channel: 'in_app', status: 'pending' })).toThrow();
});
