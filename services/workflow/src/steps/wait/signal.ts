import { type CheckWords, readInputSchema } from '../../domain/input-schema.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { StepPlan, StepReader } from '../../domain/step-kind.ts';
import { readExpiry } from './expiry.ts';

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
};

/** A wait that a signal ends, or its own time. */
export function readSignalWait(fields: JsonObject, reader: StepReader): StepPlan {
  const name = fields['signal'] as string;
  const schema = fields['schema'] as JsonObject | undefined;
  const { wakeAt, expire } = readExpiry(fields, reader);
  const { problems, check } = readInputSchema(schema, '/schema', words);
  for (const { pointer, reason, message } of problems) reader.problem(pointer, reason, message);
  return {
    signal: { name, check, schema: schema ?? null },
    leaves: {
      type: 'object',
      ...(schema === undefined ? {} : { required: ['output'], properties: { output: schema } }),
    },
    suspend(_scope, now) {
      const at = wakeAt(now);
      return { request: { signal: name, expiresAt: at ?? null }, signal: name, ...(at ? { wakeAt: at } : {}) };
    },
    ...expire,
  };
}
