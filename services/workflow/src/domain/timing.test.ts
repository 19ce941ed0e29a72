import { expect, test } from 'vitest';
import { checkTiming, hasTime, timesAfter } from './timing.ts';

const cron = (cronExpression: string, timezone = 'UTC') =>
  checkTiming({ cronExpression, intervalSeconds: 0, timezone }, 1);
const next = (expression: string, timezone: string, after: string, count: number) =>
  timesAfter(cron(expression, timezone), new Date(after), count).map((time) => time.toISOString().slice(0, 16));

test('a local time that the clock leaves out does not come', () => {
  expect(next('30 2 * * *', 'Europe/Berlin', '2027-03-26T12:00:00Z', 3)).toEqual([
    '2027-03-27T01:30',
    '2027-03-29T00:30',
    '2027-03-30T00:30',
  ]);
  expect(next('*/30 * * * *', 'Europe/Berlin', '2027-03-28T00:00:00Z', 4)).toEqual([
    '2027-03-28T00:30',
    '2027-03-28T01:00',
    '2027-03-28T01:30',
    '2027-03-28T02:00',
  ]);
});

test('a local time that the clock repeats comes twice, in the order of time', () => {
  expect(next('30 2 * * *', 'Europe/Berlin', '2027-10-30T12:00:00Z', 3)).toEqual([
    '2027-10-31T00:30',
    '2027-10-31T01:30',
    '2027-11-01T01:30',
  ]);
  expect(next('0,30 2 31 10 *', 'Europe/Berlin', '2027-10-31T00:00:00Z', 3)).toEqual([
    '2027-10-31T00:30',
    '2027-10-31T01:00',
    '2027-10-31T01:30',
  ]);
  // Asked from inside of the first of the two hours.
  expect(next('0,30 2 31 10 *', 'Europe/Berlin', '2027-10-31T00:30:00Z', 2)).toEqual([
    '2027-10-31T01:00',
    '2027-10-31T01:30',
  ]);
});

test('an interval counts from the epoch, whatever the clocks do', () => {
  const timing = checkTiming({ cronExpression: '', intervalSeconds: 3_600, timezone: 'Europe/Berlin' }, 10);
  const times = timesAfter(timing, new Date('2027-03-28T00:30:00Z'), 3);
  expect(times.map((time) => time.toISOString().slice(11, 16))).toEqual(['01:00', '02:00', '03:00']);
  expect(hasTime(timing, new Date('2027-03-28T01:00:00Z'))).toBe(true);
  expect(hasTime(timing, new Date('2027-03-28T01:00:01Z'))).toBe(false);
});

test.each([
  ['61 * * * *', 'UTC', 'CRON_INVALID'],
  ['* * * *', 'UTC', 'CRON_INVALID'],
  ['* * * * * *', 'UTC', 'CRON_INVALID'],
  ['@daily', 'UTC', 'CRON_INVALID'],
  ['0 0 L * *', 'UTC', 'CRON_INVALID'],
  ['5/15 * * * *', 'UTC', 'CRON_INVALID'],
  ['0 0 * * XYZ', 'UTC', 'CRON_INVALID'],
  [`${'1,'.repeat(100)}1 * * * *`, 'Nowhere/City', 'TIMEZONE_UNKNOWN'],
  ['0 0 30 2 *', 'UTC', 'CRON_NEVER'],
  ['0 0 * * *', 'Mars/Olympus', 'TIMEZONE_UNKNOWN'],
  ['0 0 * * *', '+02:00', 'TIMEZONE_UNKNOWN'],
  ['', 'UTC', 'TIMING_INVALID'],
])('the timing "%s" in %s is refused: %s', (expression, timezone, reason) => {
  expect(() => cron(expression, timezone)).toThrow(expect.objectContaining({ code: 'invalid_argument', reason }));
});

test('a minute cron is read a thousand times in a moment', () => {
  const timing = cron('* * * * *', 'America/New_York');
  const began = performance.now();
  for (let index = 0; index < 1_000; index += 1) timesAfter(timing, new Date(1_800_000_000_000 + index * 60_000), 1);
  expect(performance.now() - began).toBeLessThan(2_000);
});
