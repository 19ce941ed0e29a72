import type { JsonObject } from '../../domain/json.ts';
import type { StepPlan, StepReader } from '../../domain/step-kind.ts';

export const expiryFields: JsonObject = {
  expiresInMs: {
    type: 'integer',
    minimum: 100,
    maximum: 366 * 86_400_000,
    description: 'How long to wait for the signal or event. None given: on and on.',
  },
  onExpiry: { enum: ['fail', 'continue'], description: 'None given: fail, with WAIT_EXPIRED.' },
};

/** When a wait for something that may never come is over, and what it comes to then. */
export function readExpiry(
  fields: JsonObject,
  reader: StepReader,
): { readonly wakeAt: (now: Date) => string | undefined; readonly expire: Pick<StepPlan, 'expire'> } {
  const expiresInMs = fields['expiresInMs'] as number | undefined;
  for (const other of ['duration', 'until'].filter((one) => fields[one] !== undefined)) {
    reader.problem(`/${other}`, 'FIELD_INVALID', 'A step that waits for something has "expiresInMs" instead.');
  }
  if (expiresInMs === undefined && fields['onExpiry'] !== undefined) {
    reader.problem('/onExpiry', 'FIELD_INVALID', 'Without "expiresInMs" it does not expire.');
  }
  return {
    wakeAt: (now) => (expiresInMs === undefined ? undefined : new Date(now.getTime() + expiresInMs).toISOString()),
    expire: fields['onExpiry'] === 'continue' ? { expire: () => ({ facts: { output: null, expired: true } }) } : {},
  };
}
