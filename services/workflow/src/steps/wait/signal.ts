import { type CheckWords, readInputSchema } from '../../domain/input-schema.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { StepPlan, StepReader } from '../../domain/step-kind.ts';

const words: CheckWords = {
  refusal: ['invalid_argument', 'SIGNAL_INVALID', 'What comes with the signal does not meet the schema of the step.'],
  field: '/payload',
};

export const signalFields: JsonObject = {
  signal: {
    type: 'string',
    pattern: '^[a-z][a-z0-9_.-]{0,62}$',
    description: 'Waits for a signal of this name; one that came before the step is taken at once.',
  },
  schema: { type: 'object', description: 'JSON Schema of what comes with the signal.' },
  expiresInMs: {
    type: 'integer',
    minimum: 100,
    maximum: 366 * 86_400_000,
    description: 'How long to wait for the signal. None given: on and on.',
  },
  onExpiry: { enum: ['fail', 'continue'], description: 'None given: fail, with WAIT_EXPIRED.' },
};

/** A wait that a signal ends, or its own time. */
export function readSignalWait(fields: JsonObject, reader: StepReader): StepPlan {
  const name = fields['signal'] as string;
  const schema = fields['schema'] as JsonObject | undefined;
  const expiresInMs = fields['expiresInMs'] as number | undefined;
  const { problems, check } = readInputSchema(schema, '/schema', words);
  for (const { pointer, reason, message } of problems) reader.problem(pointer, reason, message);
  for (const other of ['duration', 'until'].filter((one) => fields[one] !== undefined)) {
    reader.problem(`/${other}`, 'FIELD_INVALID', 'A step that waits for a signal has "expiresInMs" instead.');
  }
  if (expiresInMs === undefined && fields['onExpiry'] !== undefined) {
    reader.problem('/onExpiry', 'FIELD_INVALID', 'Without "expiresInMs" it does not expire.');
  }
  return {
    signal: { name, check, schema: schema ?? null },
    leaves: {
      type: 'object',
      ...(schema === undefined ? {} : { required: ['output'], properties: { output: schema } }),
    },
    suspend(_scope, now) {
      const wakeAt = expiresInMs === undefined ? undefined : new Date(now.getTime() + expiresInMs).toISOString();
      return { request: { signal: name, expiresAt: wakeAt ?? null }, signal: name, ...(wakeAt ? { wakeAt } : {}) };
    },
    ...(fields['onExpiry'] === 'continue' ? { expire: () => ({ facts: { output: null, expired: true } }) } : {}),
  };
}
