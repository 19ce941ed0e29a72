import { AppError } from '@flotilla/errors';
import type { Logger } from '@flotilla/observability';
import { type AttemptInfo, runAttempt } from '@flotilla/temporal';
import type { Driven } from '../commands/advance.ts';
import type { Performing } from '../commands/perform.ts';
import { abandonStep, performStep } from '../commands/perform-step.ts';
import { performUndo } from '../commands/perform-undo.ts';
import type { StepAction, UndoAction } from '../domain/action.ts';
import { visitKey } from '../domain/path.ts';
import { adoptStep } from '../rides/adopt-step.ts';
import type { InHand } from '../rides/in-hand.ts';
import type { Rides } from '../rides/rides.ts';
import { type Activities, type RunReference, type SequentialActivities, UNDO_TIMEOUT_MS } from './contract.ts';

/** Attempts are counted from 1 by each activity; claims grow over all of them: those of a later driver, or of the slow undo after the quick one, come after. */
function claimOf(epoch: number, attempt: number, pace: 'quick' | 'slow' = 'quick'): number {
  return (epoch - 1) * 10_000_000 + (pace === 'slow' ? 1_000_000 : 0) + attempt;
}

/** Whatever else goes wrong, the driver comes back: what ends a step or makes an undo stuck is in the journal, not in Temporal. */
function isFinal({ reason }: AppError): boolean {
  return reason === 'STALE_DRIVER' || reason === 'INSTANCE_NOT_FOUND';
}

/** The work of the Temporal driver, and of the one before it. */
export function createActivities(
  performing: Performing,
  { rides, inHand, log }: { readonly rides: Rides; readonly inHand: InHand; readonly log: Logger },
): Activities & SequentialActivities {
  const run = <T>(work: (info: AttemptInfo) => Promise<T>): Promise<T> => runAttempt({ log, isFinal }, work);
  const attempt = (reference: RunReference, action: StepAction): Promise<Driven> =>
    run((info) => {
      const { path, stepId, visit, timeoutMs, retry, notBefore } = action;
      if (info.attempt === 1) checkTime(notBefore);
      const work = {
        ...reference,
        path,
        stepId,
        visit,
        timeoutMs,
        retry,
        claim: claimOf(reference.epoch, info.attempt),
      };
      const step = inHand.find(reference.instanceId, visitKey(work));
      return step === undefined ? performStep(performing, work, info) : adoptStep(performing, inHand, step, work, info);
    });
  const undo = (reference: RunReference, { path, stepId, visit, pace }: UndoAction): Promise<Driven> =>
    run((info) => {
      const claim = claimOf(reference.epoch, info.attempt, pace);
      const work = { ...reference, path, stepId, visit, pace, claim, timeoutMs: UNDO_TIMEOUT_MS };
      return performUndo(performing, work, info);
    });
  return {
    moveOn: (reference) => run(() => rides.ride(reference)),
    attemptStep: async (reference, action) => rides.offer(await attempt(reference, action)),
    attemptUndo: async (reference, action) => rides.offer(await undo(reference, action)),
    advance: (reference) => run(async () => (await rides.walk(reference)).actions),
    performStep: async (reference, action) => (await attempt(reference, placed(action))).actions,
    performUndo: async (reference, action) => (await undo(reference, placed(action))).actions,
    abandonStep: (reference, action) =>
      run(async () => {
        const { path, stepId, visit } = placed(action);
        return (await abandonStep(performing, { ...reference, path, stepId, visit })).actions;
      }),
  };
}

/** Tried elsewhere, it waits here: Temporal begins its next attempt then. */
function checkTime(notBefore = ''): void {
  const retryAfterMs = Date.parse(notBefore) - Date.now();
  if (retryAfterMs > 0)
    throw new AppError('unavailable', 'STEP_BACKS_OFF', 'The step was tried already.', { retryAfterMs });
}

/** Actions that were answered before there were paths have none: they are at the root. */
function placed<A extends StepAction | UndoAction>(action: A): A {
  return { ...action, path: action.path ?? action.stepId };
}
