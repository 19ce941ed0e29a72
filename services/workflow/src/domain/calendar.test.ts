import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Calendar, calendarsOf } from './calendar.ts';
import { checkTiming, timesAfter } from './timing.ts';

const fits = (calendar: Calendar, time: Date): boolean =>
  calendar.minutes.includes(time.getUTCMinutes()) &&
  calendar.hours.includes(time.getUTCHours()) &&
  calendar.daysOfMonth.includes(time.getUTCDate()) &&
  calendar.months.includes(time.getUTCMonth() + 1) &&
  calendar.daysOfWeek.includes(time.getUTCDay());

const field = (min: number, max: number) =>
  fc.oneof(
    fc.constant('*'),
    fc.integer({ min: 2, max: 6 }).map((step) => `*/${step}`),
    fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 4 }).map((values) => values.join(',')),
    fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
  );
const zones = [
  'UTC',
  'Europe/Berlin',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Pacific/Kiritimati',
  'Pacific/Pago_Pago',
];

test('the calendars of UTC hold every time of the cron expression', () => {
  const now = new Date('2026-11-25T00:00:00Z');
  fc.assert(
    fc.property(
      fc.tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7)),
      fc.constantFrom(...zones),
      fc.integer({ min: 0, max: 400 }),
      (fields, timezone, days) => {
        const timing = checkTiming({ cronExpression: fields.join(' '), intervalSeconds: 0, timezone }, 1);
        const calendars = calendarsOf(timing, now);
        const times = timesAfter(timing, new Date(now.getTime() + days * 86_400_000), 20);
        for (const time of times) {
          expect(
            calendars.some((calendar) => fits(calendar, time)),
            time.toISOString(),
          ).toBe(true);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('where there is no shift, no time is told too many', () => {
  const timing = checkTiming(
    { cronExpression: '*/15 9-17/2 1,15 JAN-MAR MON-FRI', intervalSeconds: 0, timezone: 'UTC' },
    1,
  );
  expect(calendarsOf(timing, new Date())).toEqual([
    {
      minutes: [0, 15, 30, 45],
      hours: [9, 11, 13, 15, 17],
      daysOfMonth: [1, 15],
      months: [1, 2, 3],
      daysOfWeek: [1, 2, 3, 4, 5],
    },
  ]);
});
