import { AppError } from '@flotilla/errors';
import type { OrderedMap } from 'immutable';
import type { Definition } from './definition.ts';
import type { JournalEntry } from './journal.ts';
import { type JsonObject, sizeOf } from './json.ts';
import type { OpenStep, RunState } from './run-state.ts';

/** A signal that no step has taken yet, by its number in the run. */
export interface Signal {
  readonly name: string;
  readonly payload: JsonObject;
  readonly sentBy: string;
  /** RFC 3339. */
  readonly sentAt: string;
}
export type Signals = OrderedMap<number, Signal>;

const MAX_PAYLOAD_BYTES = 64 * 1024;
/** Signals of one name that may lie in wait for steps to come. */
const MAX_STORED = 100;

/** Throws where the run cannot take the signal: it has ended, its definition knows no such name, or the payload does not fit. */
export function checkSignal(
  definition: Definition,
  state: RunState,
  { name, payload }: Pick<Signal, 'name' | 'payload'>,
): void {
  if (state.ended || state.failing !== undefined || state.cancel !== undefined) {
    throw new AppError('failed_precondition', 'INSTANCE_ENDED', 'The run has ended, or is about to.');
  }
  const check = definition.signals.get(name);
  if (check === undefined) {
    const known = [...definition.signals.keys()].map((one) => `"${one}"`).join(', ') || 'none';
    throw new AppError(
      'failed_precondition',
      'SIGNAL_UNKNOWN',
      `No step waits for "${name}"; the signals are: ${known}.`,
    );
  }
  if (sizeOf(payload) > MAX_PAYLOAD_BYTES) {
    const message = `At most ${MAX_PAYLOAD_BYTES} bytes come with a signal.`;
    throw new AppError('invalid_argument', 'SIGNAL_TOO_LARGE', message);
  }
  check(payload);
  if (state.signals.count((signal) => signal.name === name) >= MAX_STORED) {
    const message = `${MAX_STORED} signals of this name lie in wait already.`;
    throw new AppError('failed_precondition', 'SIGNALS_TOO_MANY', message);
  }
}

/** The outcome of the step that has waited longest for a signal that is there. The oldest signal is taken first. */
export function takeSignal(state: RunState): JournalEntry | undefined {
  for (const [signal, { name, payload, sentBy, sentAt }] of state.signals) {
    const key = state.waiting.find((waiting) => state.open.get(waiting)?.suspended?.signal === name);
    const step = key === undefined ? undefined : state.open.get(key);
    if (step === undefined) continue;
    return { ...completed(step, { output: payload, sentBy, sentAt, expired: false }), signal };
  }
  return undefined;
}

function completed({ path, stepId, visit }: OpenStep, facts: JsonObject) {
  return { kind: 'step_completed', path, stepId, visit, attempts: 1, facts } as const;
}
