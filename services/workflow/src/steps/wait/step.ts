import { AppError } from '@flotilla/errors';
import type { JsonObject, JsonValue } from '../../domain/json.ts';
import type { StepKind } from '../../domain/step-kind.ts';
import { durationMs } from './duration.ts';
import { eventFields, readEventWait } from './event.ts';
import { expiryFields } from './expiry.ts';
import { readSignalWait, signalFields } from './signal.ts';

const MAX_WAIT_MS = 366 * 86_400_000;

/**
 * Waits for a while, or until a time, and leaves `output.until`. Or waits for a signal, and leaves what came with it as `output`,
 * `sentBy`, `sentAt` and `expired`: whether none came. Or waits for an event of the tenant, and leaves it as `output`, with its `eventId`,
 * `occurredAt` and `expired`.
 */
export const waitStep: StepKind = {
  kind: 'wait',
  effect: false,
  required: [],
  fields: {
    timeoutMs: false,
    retry: false,
    duration: {
      type: ['integer', 'string'],
      minimum: 0,
      maximum: MAX_WAIT_MS,
      description: 'Milliseconds, or a template of an ISO 8601 duration (`PT15M`) or of seconds (`90s`); or `until`.',
    },
    until: { type: 'string', minLength: 1, description: 'Template of an RFC 3339 time; or `duration`.' },
    ...signalFields,
    ...eventFields,
    ...expiryFields,
  },
  read(fields, reader) {
    const stray = (names: readonly string[], message: string): void => {
      for (const name of names.filter((one) => fields[one] !== undefined))
        reader.problem(`/${name}`, 'FIELD_INVALID', message);
    };
    if (fields['signal'] !== undefined) {
      stray(['event', 'when'], 'A step waits for a signal or for an event.');
      return readSignalWait(fields, reader);
    }
    stray(['schema'], 'It goes with "signal" only.');
    if (fields['event'] !== undefined) return readEventWait(fields, reader);
    stray(['when'], 'It goes with "event" only.');
    stray(['expiresInMs', 'onExpiry'], 'It goes with "signal" or "event" only.');
    const template = (name: string) =>
      fields[name] === undefined ? undefined : reader.template(`/${name}`, fields[name] as JsonValue);
    const duration = template('duration');
    const until = template('until');
    if ((duration === undefined) === (until === undefined)) {
      const message = 'Either "duration", "until", "signal" or "event" says what to wait for.';
      reader.problem(duration === undefined ? '/duration' : '/until', 'FIELD_INVALID', message);
    }
    const fixed = fields['duration'];
    if (typeof fixed === 'string' && !fixed.includes('${') && durationMs(fixed) === undefined) {
      reader.problem('/duration', 'FIELD_INVALID', 'It is no duration: write for example "PT15M" or "90s".');
    }
    return {
      suspend(scope, now) {
        const wakeAt = duration === undefined ? timeOf(until?.(scope)) : now.getTime() + spanOf(duration(scope));
        if (wakeAt - now.getTime() > MAX_WAIT_MS) throw invalid('A step waits for a year at most.');
        const text = new Date(wakeAt).toISOString();
        return { request: { until: text }, wakeAt: text };
      },
      expire: (request): { facts: JsonObject } => ({ facts: { output: { until: request['until'] ?? null } } }),
    };
  },
};

function spanOf(value: JsonValue): number {
  const ms = typeof value === 'number' ? value : typeof value === 'string' ? durationMs(value) : undefined;
  if (ms === undefined || ms < 0) throw invalid('What the step is to wait for is no duration.');
  return ms;
}

function timeOf(value: JsonValue | undefined): number {
  const time = typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time)) throw invalid('What the step is to wait until is no time (RFC 3339).');
  return time;
}

function invalid(message: string): AppError {
  return new AppError('failed_precondition', 'WAIT_INVALID', message);
}
