import type { AppError } from '@flotilla/errors';
import type { Logger } from '@flotilla/observability';
import { type AttemptInfo, runAttempt } from '@flotilla/temporal';
import { advance } from '../commands/advance.ts';
import { driverScope, type Performing } from '../commands/perform.ts';
import { abandonStep, performStep } from '../commands/perform-step.ts';
import { performUndo } from '../commands/perform-undo.ts';
import type { StepAction, UndoAction } from '../domain/action.ts';
import { type Activities, type SequentialActivities, UNDO_TIMEOUT_MS } from './contract.ts';

/** Attempts are counted from 1 by each activity; claims grow over all of them: those of a later driver, or of the slow undo after the quick one, come after. */
function claimOf(epoch: number, attempt: number, pace: 'quick' | 'slow' = 'quick'): number {
  return (epoch - 1) * 10_000_000 + (pace === 'slow' ? 1_000_000 : 0) + attempt;
}

/** Whatever else goes wrong, the driver comes back: what ends a step or makes an undo stuck is in the journal, not in Temporal. */
function isFinal({ reason }: AppError): boolean {
  return reason === 'STALE_DRIVER' || reason === 'INSTANCE_NOT_FOUND';
}

/** Long moves are many transactions; now and then the driver hears of what has been started already. */
const MOVING_MS = 1000;

/** The work of the Temporal driver, and of the one before it. `moved` is told after each change of a run. */
export function createActivities(
  performing: Performing,
  log: Logger,
  moved: (instanceId: string) => void,
): Activities & SequentialActivities {
  const run = <T>(instanceId: string, work: (info: AttemptInfo) => Promise<T>): Promise<T> =>
    runAttempt({ log, isFinal }, work).finally(() => moved(instanceId));
  const activities: Activities = {
    moveOn: (reference) =>
      run(reference.instanceId, async () => {
        const { tenantId, instanceId, epoch } = reference;
        const startedAt = performance.now();
        for (;;) {
          const moved = await performing.db.inTenant(driverScope(tenantId), (tx) =>
            advance(performing, tx, instanceId, epoch),
          );
          if (!moved.more || performance.now() - startedAt > MOVING_MS) return moved;
        }
      }),
    attemptStep: (reference, { path, stepId, visit, timeoutMs, retry }) =>
      run(reference.instanceId, (info) => {
        const claim = claimOf(reference.epoch, info.attempt);
        return performStep(performing, { ...reference, path, stepId, visit, timeoutMs, retry, claim }, info);
      }),
    attemptUndo: (reference, { path, stepId, visit, pace }) =>
      run(reference.instanceId, (info) => {
        const claim = claimOf(reference.epoch, info.attempt, pace);
        const work = { ...reference, path, stepId, visit, pace, claim, timeoutMs: UNDO_TIMEOUT_MS };
        return performUndo(performing, work, info);
      }),
  };
  const { moveOn, attemptStep, attemptUndo } = activities;
  return {
    ...activities,
    advance: async (reference) => (await moveOn(reference)).actions,
    performStep: async (reference, action) => (await attemptStep(reference, placed(action))).actions,
    performUndo: async (reference, action) => (await attemptUndo(reference, placed(action))).actions,
    abandonStep: (reference, action) =>
      run(reference.instanceId, async () => {
        const { path, stepId, visit } = placed(action);
        return (await abandonStep(performing, { ...reference, path, stepId, visit })).actions;
      }),
  };
}

/** Actions that were answered before there were paths have none: they are at the root. */
function placed<A extends StepAction | UndoAction>(action: A): A {
  return { ...action, path: action.path ?? action.stepId };
}
