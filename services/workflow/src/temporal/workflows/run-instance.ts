import {
  CancellationScope,
  continueAsNew,
  defineSignal,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { Action, StepAction, UndoAction } from '../../domain/action.ts';
import { CANCEL, type RunReference, type SequentialActivities } from '../contract.ts';
import { stepAttempts, undoAttempts } from './attempts.ts';

const cancelSignal = defineSignal(CANCEL);
const { advance, abandonStep } = proxyLocalActivities<SequentialActivities>({
  startToCloseTimeout: '20s',
  retry: { initialInterval: '100ms', maximumInterval: '5s' },
});

/** Drives the runs that were begun before runs could do several things at once; new ones have `driveInstance`. */
export async function runInstance(run: RunReference): Promise<void> {
  let cancelled = false;
  let underWay: CancellationScope | undefined;
  setHandler(cancelSignal, () => {
    cancelled = true;
    underWay?.cancel();
  });

  async function step(action: StepAction): Promise<readonly Action[]> {
    underWay = new CancellationScope();
    try {
      return await underWay.run(() => {
        if (cancelled) CancellationScope.current().cancel();
        return proxyActivities<SequentialActivities>(stepAttempts(action)).performStep(run, action);
      });
    } catch (error) {
      if (!cancelled) throw error;
      return abandonStep(run, action);
    } finally {
      underWay = undefined;
    }
  }

  for (let actions = await advance(run); actions.some(({ type }) => type !== 'done'); ) {
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof runInstance>(run);
    const [first] = actions;
    const undos = actions.filter((action) => action.type === 'undo');
    if (first?.type === 'step') actions = await step(first);
    else if (undos.length > 0) actions = await undoAll(run, undos);
    else {
      await sleep('1s');
      actions = await advance(run);
    }
  }
}

async function undoAll(run: RunReference, undos: readonly UndoAction[]): Promise<readonly Action[]> {
  const answers = await Promise.all(
    undos.map((action) => proxyActivities<SequentialActivities>(undoAttempts(action)).performUndo(run, action)),
  );
  const [only] = answers;
  return only !== undefined && answers.length === 1 ? only : advance(run);
}
