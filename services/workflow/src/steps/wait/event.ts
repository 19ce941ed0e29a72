import { events } from '@flotilla/contracts';
import type { EventWait } from '../../domain/event-wait.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { StepPlan, StepReader } from '../../domain/step-kind.ts';
import { readExpiry } from './expiry.ts';

/** What a step that waits for an event asks; its task shows it. */
export interface EventRequest extends JsonObject {
  event: string;
  when: string;
  /** What `when` speaks of, as it was when the step began. */
  known: JsonObject;
  expiresAt: string | null;
}

export const eventFields: JsonObject = {
  event: {
    type: 'string',
    maxLength: 200,
    description:
      'Waits for an event of this type, one of docs/events.md, such as `flotilla.agent.v1.ExecutionFinished`: the first one that arrives while the step waits and is no older than a minute when that begins.',
  },
  when: {
    type: 'string',
    minLength: 1,
    description: 'CEL over `event`, its message as JSON, and what other conditions know: which of these events it is.',
  },
};

/** What is waited for; undefined where it is no event. */
export function eventWaitOf(request: JsonObject): EventWait | undefined {
  const { event, when, known } = request as Partial<EventRequest>;
  return event === undefined ? undefined : { eventType: event, condition: when ?? '', known: known ?? {} };
}

/** A wait that an event of the tenant ends, or its own time. */
export function readEventWait(fields: JsonObject, reader: StepReader): StepPlan {
  const event = fields['event'] as string;
  const when = (fields['when'] ?? '') as string;
  if (!events.some(({ schema }) => schema.typeName === event)) {
    reader.problem('/event', 'EVENT_TYPE_UNKNOWN', `There is no event "${event}".`);
  }
  const { wakeAt, expire } = readExpiry(fields, reader);
  const known = when === '' ? undefined : reader.laterCondition('/when', when);
  return {
    suspend(scope, now) {
      const expiresAt = wakeAt(now);
      const request: EventRequest = { event, when, known: known?.(scope) ?? {}, expiresAt: expiresAt ?? null };
      return { request, event, ...(expiresAt === undefined ? {} : { wakeAt: expiresAt }) };
    },
    ...expire,
  };
}
