import { offsetsOf, type Timing } from './timing.ts';

/** Times of UTC: those that fit every field. */
export interface Calendar {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly daysOfMonth: readonly number[];
  /** From 1. */
  readonly months: readonly number[];
  /** From 0, which is Sunday. */
  readonly daysOfWeek: readonly number[];
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/**
 * Calendars of UTC that hold every time of a cron expression, and some others: the engine's own reading of local time
 * goes wrong in the hour that a clock repeats, east of Greenwich. Whoever is woken asks `hasTime`.
 */
export function calendarsOf({ cronExpression, timezone }: Timing, now: Date): readonly Calendar[] {
  if (cronExpression === undefined) return [];
  const [minutes = '', hours = '', days = '', months = '', weekdays = ''] = cronExpression.toLowerCase().split(' ');
  const wall: Calendar = {
    minutes: valuesOf(minutes, 0, 59),
    hours: valuesOf(hours, 0, 23),
    daysOfMonth: valuesOf(days, 1, 31),
    months: valuesOf(months, 1, 12, monthNames),
    daysOfWeek: distinct(valuesOf(weekdays, 0, 7, dayNames).map((day) => day % 7)),
  };
  return offsetsOf(timezone, now).flatMap((offset) => shifted(wall, offset));
}

/** The calendar as UTC sees it while local time is `offset` minutes ahead. */
function shifted(wall: Calendar, offset: number): Calendar[] {
  const hour = Math.floor(offset / 60);
  const minute = offset - hour * 60;
  return [0, -1].flatMap((borrowed) => {
    const minutes = wall.minutes
      .filter((one) => (one < minute ? -1 : 0) === borrowed)
      .map((one) => one - minute - borrowed * 60);
    if (minutes.length === 0) return [];
    const hours = Map.groupBy(
      wall.hours.map((one) => one - hour + borrowed),
      (one) => Math.floor(one / 24),
    );
    return [...hours].map(([day, found]) => ({
      ...onDay(wall, day),
      minutes,
      hours: found.map((one) => one - day * 24),
    }));
  });
}

/** The days as seen from the day before or after: not fewer than they are. */
function onDay(
  { daysOfMonth, months, daysOfWeek }: Calendar,
  shift: number,
): Pick<Calendar, 'daysOfMonth' | 'months' | 'daysOfWeek'> {
  if (shift === 0) return { daysOfMonth, months, daysOfWeek };
  const days = daysOfMonth.flatMap((day) => {
    if (shift < 0) return day === 1 ? [28, 29, 30, 31] : [day - 1];
    return day < 28 ? [day + 1] : [Math.min(day + 1, 31), 1];
  });
  return {
    daysOfMonth: distinct(days),
    months: distinct([...months, ...months.map((month) => ((month - 1 + shift + 12) % 12) + 1)]),
    daysOfWeek: daysOfWeek.map((day) => (day + shift + 7) % 7),
  };
}

function valuesOf(field: string, min: number, max: number, names: readonly string[] = []): number[] {
  const numberOf = (text: string): number =>
    names.includes(text) ? names.indexOf(text) + (names.length === 12 ? 1 : 0) : Number(text);
  const found = field.split(',').flatMap((item) => {
    const [span = '', step = '1'] = item.split('/');
    if (span === '*') return range(min, max, Number(step));
    const [from = '', to = from] = span.split('-');
    return range(numberOf(from), numberOf(to), Number(step));
  });
  return distinct(found);
}

function range(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.max(0, Math.floor((to - from) / step) + 1) }, (_, index) => from + index * step);
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
