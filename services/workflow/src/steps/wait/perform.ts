import { deleteEventWait, insertEventWait } from '../../db/event-wait-repository.ts';
import { asStored } from '../../db/json-column.ts';
import { createEventConditions } from '../../domain/event-wait.ts';
import type { Performer } from '../performer.ts';
import { eventWaitOf } from './event.ts';

/** Keeps what steps wait for beside the journals of their runs, to be found when an event comes. */
export function createWaitPerformer(): Performer {
  const conditions = createEventConditions();
  return {
    async waits(tx, { request, instanceId, path, stepId, visit }) {
      const wait = eventWaitOf(request);
      if (wait === undefined) return undefined;
      const key = conditions.keyOf({ ...wait, known: asStored(wait.known) });
      await insertEventWait(tx, { instanceId, path, stepId, visit, ...wait }, key);
      return undefined;
    },
    waited: deleteEventWait,
  };
}
