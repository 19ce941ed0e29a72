import type { AppError } from '@flotilla/errors';
import type { Logger } from '@flotilla/observability';
import { type AttemptInfo, runAttempt } from '@flotilla/temporal';
import { advance } from '../commands/advance.ts';
import { driverScope, type Performing } from '../commands/perform.ts';
import { abandonStep, performStep } from '../commands/perform-step.ts';
import { performUndo } from '../commands/perform-undo.ts';
import { type Activities, UNDO_TIMEOUT_MS } from './contract.ts';

/** Attempts are counted from 1 by each activity; claims grow over all of them: those of a later driver, or of the slow undo after the quick one, come after. */
function claimOf(epoch: number, attempt: number, pace: 'quick' | 'slow' = 'quick'): number {
  return (epoch - 1) * 10_000_000 + (pace === 'slow' ? 1_000_000 : 0) + attempt;
}

/** Whatever else goes wrong, the driver comes back: what ends a step or makes an undo stuck is in the journal, not in Temporal. */
function isFinal({ reason }: AppError): boolean {
  return reason === 'STALE_DRIVER' || reason === 'INSTANCE_NOT_FOUND';
}

/** The work of the Temporal driver. `moved` is told after each change of a run. */
export function createActivities(performing: Performing, log: Logger, moved: (instanceId: string) => void): Activities {
  const run = <T>(instanceId: string, work: (info: AttemptInfo) => Promise<T>): Promise<T> =>
    runAttempt({ log, isFinal }, work).finally(() => moved(instanceId));
  return {
    advance: (reference) =>
      run(reference.instanceId, () =>
        performing.db.inTenant(driverScope(reference.tenantId), (tx) =>
          advance(performing, tx, reference.instanceId, reference.epoch),
        ),
      ),
    performStep: (reference, { stepId, visit, timeoutMs }) =>
      run(reference.instanceId, (info) =>
        performStep(
          performing,
          { ...reference, stepId, visit, timeoutMs, claim: claimOf(reference.epoch, info.attempt) },
          info,
        ),
      ),
    performUndo: (reference, { stepId, visit, pace }) =>
      run(reference.instanceId, (info) => {
        const claim = claimOf(reference.epoch, info.attempt, pace);
        return performUndo(performing, { ...reference, stepId, visit, pace, claim, timeoutMs: UNDO_TIMEOUT_MS }, info);
      }),
    abandonStep: (reference, { stepId, visit }) =>
      run(reference.instanceId, () => abandonStep(performing, { ...reference, stepId, visit })),
  };
}
