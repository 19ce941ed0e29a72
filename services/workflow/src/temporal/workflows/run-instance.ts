import {
  ActivityCancellationType,
  CancellationScope,
  continueAsNew,
  defineSignal,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Action } from '../../domain/interpret.ts';
import {
  type Activities,
  CANCEL,
  type RunReference,
  type StepAction,
  UNDO_TIMEOUT_MS,
  type UndoAction,
} from '../contract.ts';

const HEARTBEAT = '5s';
const MARGIN_MS = 30_000;
const SLOW_UNDO = { initialInterval: '30s', maximumInterval: '10m' } as const;
const QUICK_UNDO = { initialInterval: '200ms', maximumInterval: '5s' } as const;

const cancelSignal = defineSignal(CANCEL);
const { advance, abandonStep } = proxyLocalActivities<Activities>({
  startToCloseTimeout: '20s',
  retry: { initialInterval: '100ms', maximumInterval: '5s' },
});

/** Asks what is next, has it done, and so on. All that is known about the run is in its journal. */
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
        return stepActivity(action).performStep(run, action);
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
    if (first?.type === 'step') actions = await step(first);
    else
      actions = await undoAll(
        run,
        actions.filter((action) => action.type === 'undo'),
      );
  }
}

async function undoAll(run: RunReference, undos: readonly UndoAction[]): Promise<readonly Action[]> {
  const answers = await Promise.all(undos.map((action) => undoActivity(action).performUndo(run, action)));
  const [only] = answers;
  return only !== undefined && answers.length === 1 ? only : advance(run);
}

/** The journal counts bad answers and ends the step; Temporal only sees that somebody goes on. */
function stepActivity({ retry, timeoutMs }: StepAction) {
  return proxyActivities<Activities>({
    startToCloseTimeout: timeoutMs + MARGIN_MS,
    heartbeatTimeout: HEARTBEAT,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: {
      initialInterval: retry.initialIntervalMs,
      maximumInterval: Math.max(retry.initialIntervalMs, retry.maxIntervalMs),
    },
  });
}

/** An undo has no time limit as a whole and cannot be cancelled. */
function undoActivity({ pace }: UndoAction) {
  return proxyActivities<Activities>({
    startToCloseTimeout: UNDO_TIMEOUT_MS + MARGIN_MS,
    heartbeatTimeout: HEARTBEAT,
    retry: pace === 'quick' ? QUICK_UNDO : SLOW_UNDO,
  });
}
