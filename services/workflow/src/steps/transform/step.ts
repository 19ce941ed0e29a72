import type { JsonValue } from '../../domain/json.ts';
import type { StepKind } from '../../domain/step-kind.ts';

/** Makes a value of others by expressions; asks nobody. Leaves `output`. */
export const transformStep: StepKind = {
  kind: 'transform',
  effect: false,
  required: ['value'],
  fields: { timeoutMs: false, retry: false, value: { description: 'Template of the output.' } },
  read(fields, reader) {
    const value = reader.template('/value', fields['value'] as JsonValue);
    return { decide: (scope) => ({ output: value(scope) }) };
  },
};
