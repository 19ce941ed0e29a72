import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@flotilla/errors';
import type { ChildRuns } from '../../commands/child-runs.ts';
import type { Performer } from '../performer.ts';
import type { WorkflowRequest } from './step.ts';

const LOOK_EVERY_MS = 300;
/** Before the attempt's own time is up. */
const MARGIN_MS = 3_000;

/** Starts a run inside of another one, ends it with that one, and has it take back what it did. */
export function createWorkflowPerformer(children: ChildRuns): Performer {
  return {
    waits: (tx, { request, wakeAt: _, ...place }) => children.start(tx, place, request as WorkflowRequest),
    async waited(tx, place, outcome) {
      if ('failed' in outcome) await children.abandon(tx, place);
    },
    async undo({ doKey, tenantId, timeoutMs, signal }) {
      const until = Date.now() + timeoutMs - MARGIN_MS;
      for (;;) {
        const undone = await children.takeBack(tenantId, doKey);
        if (undone === 'done') return;
        if (undone === 'stuck') {
          throw new AppError('unavailable', 'CHILD_UNDO_STUCK', 'An undo of the run that the step started is stuck.');
        }
        if (Date.now() >= until) {
          throw new AppError(
            'unavailable',
            'CHILD_UNDO_UNFINISHED',
            'The run that the step started is still being undone.',
          );
        }
        await delay(LOOK_EVERY_MS, undefined, { signal });
      }
    },
  };
}
