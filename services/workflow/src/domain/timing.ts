import { AppError } from '@flotilla/errors';
import { Cron } from 'croner';

/** When a schedule runs: by a cron expression in a time zone, or every so many seconds. */
export interface Timing {
  readonly cronExpression: string | undefined;
  readonly intervalSeconds: number | undefined;
  /** IANA name. */
  readonly timezone: string;
}

const HOUR = 3_600_000;
/** No change of a clock moves it further. */
const WIDEST_CHANGE = 3 * HOUR;
const MAX_CRON_STEPS = 20_000;
const YEARS_AHEAD = 6;

/** The part of cron that every reader agrees on: numbers, names, `*`, lists, ranges and steps of these. */
const value = '(?:\\d{1,2}|[a-z]{3})';
const item = `(?:\\*(?:/\\d{1,2})?|${value}(?:-${value}(?:/\\d{1,2})?)?)`;
const cronPattern = new RegExp(`^${item}(?:,${item})*(?: ${item}(?:,${item})*){4}$`, 'i');

/** Checks a timing that somebody asks for. `minIntervalSeconds` is how often one schedule may run at most. */
export function checkTiming(
  wish: { cronExpression: string; intervalSeconds: number; timezone: string },
  minIntervalSeconds: number,
): Timing {
  const cronExpression = wish.cronExpression.trim().replaceAll(/\s+/g, ' ');
  const { intervalSeconds } = wish;
  if ((cronExpression === '') === (intervalSeconds === 0)) {
    throw refuse('TIMING_INVALID', 'cron_expression', 'Either a cron expression or an interval is needed.');
  }
  const timezone = checkTimezone(wish.timezone === '' ? 'UTC' : wish.timezone);
  if (cronExpression === '') {
    if (intervalSeconds < minIntervalSeconds) {
      const message = `The interval is at least ${minIntervalSeconds} seconds.`;
      throw refuse('INTERVAL_TOO_SHORT', 'interval_seconds', message);
    }
    return { cronExpression: undefined, intervalSeconds, timezone };
  }
  const timing = { cronExpression: checkCron(cronExpression), intervalSeconds: undefined, timezone };
  return timing;
}

function checkCron(text: string): string {
  const field = 'cron_expression';
  if (!cronPattern.test(text)) {
    const message =
      'A cron expression has five fields: minute, hour, day of month, month, day of week; each of numbers or names, "*", lists, ranges and steps.';
    throw refuse('CRON_INVALID', field, message);
  }
  let cron: Cron;
  try {
    cron = wallClock(text);
  } catch (error) {
    const detail = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : '';
    throw refuse('CRON_INVALID', field, `The cron expression is not valid: ${detail}`);
  }
  // Leap days come again within eight years.
  if (cron.nextRun(new Date(0)) === null) {
    throw refuse('CRON_NEVER', field, 'No date fits the cron expression.');
  }
  return text;
}

function checkTimezone(name: string): string {
  try {
    // An offset is none: it has no rules for the change of the clock.
    if (/^[A-Za-z]/.test(name)) {
      const known = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
      return known.toLowerCase() === name.toLowerCase() ? known : name;
    }
  } catch {
    // Said below.
  }
  throw refuse(
    'TIMEZONE_UNKNOWN',
    'timezone',
    `There is no time zone "${name}"; names are those of IANA, such as Europe/Berlin.`,
  );
}

/** Whether the timing has this very time. */
export function hasTime(timing: Timing, time: Date): boolean {
  return timesAfter(timing, new Date(time.getTime() - 1), 1)[0]?.getTime() === time.getTime();
}

/** The next times after one. Local times that a change of the clock leaves out do not come; those that it repeats come twice. */
export function timesAfter(timing: Timing, after: Date, count: number): readonly Date[] {
  const { cronExpression, intervalSeconds, timezone } = timing;
  if (cronExpression !== undefined) return cronTimes(cronExpression, timezone, after.getTime(), count);
  const step = (intervalSeconds ?? 0) * 1_000;
  const first = Math.floor(after.getTime() / step) * step + step;
  return Array.from({ length: count }, (_, index) => new Date(first + index * step));
}

/** Walks over the wall clock, which knows no changes, and asks for each of its times when it is. */
function cronTimes(text: string, timezone: string, after: number, count: number): readonly Date[] {
  const zone = zoneOf(timezone);
  const cron = wallClock(text);
  const found: number[] = [];
  let wall = after + zone.offsetAt(after) - (zone.changesAround(after) ? WIDEST_CHANGE : 0) - 1_000;
  for (let step = 0; step < MAX_CRON_STEPS; step += 1) {
    const next = cron.nextRun(new Date(wall));
    if (next === null) break;
    wall = next.getTime();
    const times = zone.timesOf(wall).filter((time) => time > after);
    if (times.length === 0) continue;
    found.push(...times);
    found.sort((a, b) => a - b);
    const last = found[count - 1];
    // Where the clock changes, a later wall time can come earlier.
    if (last === undefined) continue;
    if (!zone.changesAround(last) || wall > last + zone.offsetAt(last) + WIDEST_CHANGE) break;
  }
  return found.slice(0, count).map((time) => new Date(time));
}

/** Both days must fit. */
function wallClock(text: string): Cron {
  return new Cron(text, { timezone: 'UTC', mode: '5-part', domAndDow: true, paused: true });
}

/** By how many minutes local time is ahead of UTC in the coming years: the different ones. */
export function offsetsOf(timezone: string, now: Date): readonly number[] {
  const { offsetAt } = zoneOf(timezone);
  const halfMonths = Array.from({ length: 24 * YEARS_AHEAD }, (_, index) => now.getTime() + index * 15 * 24 * HOUR);
  return [...new Set(halfMonths.map((time) => Math.floor(offsetAt(time) / 60_000)))];
}

/** How many times there are from one to before another; a thousand stands for more. */
export function countTimes(timing: Timing, from: Date, to: Date): number {
  const times = timesAfter(timing, new Date(from.getTime() - 1), 1_000);
  return times.filter((time) => time < to).length;
}

interface Zone {
  /** Local time minus UTC. */
  offsetAt(time: number): number;
  changesAround(time: number): boolean;
  /** When the wall clock shows this: never, once or twice. */
  timesOf(wall: number): readonly number[];
}

const zones = new Map<string, Zone>();

function zoneOf(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en', {
    timeZone: name,
    calendar: 'gregory',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  const offsetAt = (time: number): number => {
    const part = Object.fromEntries(format.formatToParts(time).map(({ type, value: text }) => [type, Number(text)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(time / 1_000) * 1_000;
  };
  const zone: Zone = {
    offsetAt,
    changesAround: (time) => offsetAt(time - WIDEST_CHANGE) !== offsetAt(time + WIDEST_CHANGE),
    timesOf(wall) {
      const offsets = new Set([offsetAt(wall - 24 * HOUR), offsetAt(wall + 24 * HOUR)]);
      return [...offsets]
        .map((offset) => [wall - offset, offset] as const)
        .flatMap(([time, offset]) => (offsetAt(time) === offset ? [time] : []));
    },
  };
  zones.set(name, zone);
  return zone;
}

function refuse(reason: string, field: string, message: string): AppError {
  return new AppError('invalid_argument', reason, message, { violations: [{ field, reason, message }] });
}
