import { deleteEventWait, insertEventWait } from '../../db/event-wait-repository.ts';
import type { Performer } from '../performer.ts';
import { eventWaitOf } from './event.ts';

/** Keeps what steps wait for beside the journals of their runs, to be found when an event comes. */
export const waitPerformer: Performer = {
  async waits(tx, { request, instanceId, path, stepId, visit }) {
    const wait = eventWaitOf(request);
    if (wait !== undefined) await insertEventWait(tx, { instanceId, path, stepId, visit, ...wait });
    return undefined;
  },
  waited: deleteEventWait,
};
