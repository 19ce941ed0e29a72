import { AppError } from '@flotilla/errors';
import { compileExpression } from '@flotilla/expressions';
import type { FiringSource } from './firing-source.ts';
import { isObject, type JsonObject, type JsonValue, sizeOf } from './json.ts';

export type TriggerKind = 'api' | 'event' | 'webhook';
export type TriggerStatus = 'enabled' | 'disabled';

/** Starts runs of a workflow when something happens. */
export interface Trigger extends FiringSource {
  readonly kind: TriggerKind;
  readonly status: TriggerStatus;
  /** Empty for other kinds. */
  readonly eventType: string;
  readonly filter: string;
  readonly inputMapping: Readonly<Record<string, string>>;
  /** Empty for other kinds. */
  readonly webhookPath: string;
  /** Until when the secret before the present one is accepted. */
  readonly oldSecretExpiresAt: Date | undefined;
  readonly lastFiredAt: Date | undefined;
  readonly runCount: number;
  readonly failureCount: number;
  readonly lastErrorReason: string | undefined;
}

const MAX_INPUT_BYTES = 256 * 1024;

/** Throws where an expression cannot be compiled, with its place. */
export function checkTrigger(trigger: Pick<Trigger, 'kind' | 'filter' | 'inputMapping'>): void {
  const { kind, filter, inputMapping } = trigger;
  if (kind === 'api' && (filter !== '' || Object.keys(inputMapping).length > 0)) {
    const message = 'A trigger of kind api takes its input as it is: it has neither filter nor mapping.';
    throw new AppError('invalid_argument', 'TRIGGER_INVALID', message);
  }
  if (filter !== '') compile(kind, filter, 'bool', 'filter');
  for (const [name, text] of Object.entries(inputMapping)) compile(kind, text, 'dyn', `input_mapping.${name}`);
}

/** The input of the run that this starts; undefined where the filter says no. Throws where an expression fails on it. */
export function inputFrom(
  { kind, filter, inputMapping }: Pick<Trigger, 'kind' | 'filter' | 'inputMapping'>,
  happened: JsonValue,
): JsonObject | undefined {
  const bindings = { [variableOf(kind)]: happened };
  if (filter !== '' && compile(kind, filter, 'bool', 'filter').evaluate(bindings) !== true) return undefined;
  const mapped = Object.entries(inputMapping).map(
    ([name, text]) =>
      [name, compile(kind, text, 'dyn', `input_mapping.${name}`).evaluate(bindings) as JsonValue] as const,
  );
  const asItIs = kind === 'webhook' && isObject(happened) ? happened : (bindings as JsonObject);
  return checkInputSize(mapped.length > 0 ? Object.fromEntries(mapped) : asItIs);
}

export function checkInputSize(input: JsonObject): JsonObject {
  const size = sizeOf(input);
  if (size > MAX_INPUT_BYTES) {
    const message = `The input has ${size} bytes; at most ${MAX_INPUT_BYTES} are allowed.`;
    throw new AppError('invalid_argument', 'INPUT_TOO_LARGE', message);
  }
  return input;
}

function variableOf(kind: TriggerKind): string {
  return kind === 'webhook' ? 'body' : 'event';
}

function compile(kind: TriggerKind, text: string, result: 'bool' | 'dyn', field: string) {
  return compileExpression(text, { variables: { [variableOf(kind)]: 'dyn' }, result, field });
}
