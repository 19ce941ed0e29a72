import {
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { Action, StepAction, UndoAction } from '../../domain/action.ts';
import { type Activities, CANCEL, type Moved, type RunReference, WAKE } from '../contract.ts';
import { stepAttempts, undoAttempts } from './attempts.ts';

/** A time that has come here may not have come yet where the journal is written. */
const SKEW_MS = 250;
const PAUSE_AFTER_FAILURE = '1s';

const wakeSignal = defineSignal(WAKE);
const cancelSignal = defineSignal(CANCEL);
const { moveOn } = proxyLocalActivities<Activities>({
  startToCloseTimeout: '20s',
  retry: { initialInterval: '100ms', maximumInterval: '5s' },
});

type Work = StepAction | UndoAction;

/**
 * Asks what is under way, starts what it is not doing yet, stops what is not named any more, and asks again when the run is woken
 * or a time has come; whatever ends brings the next answer with it. All that is known about the run is in its journal.
 */
export async function driveInstance(run: RunReference): Promise<void> {
  const doing = new Map<string, CancellationScope>();
  let newest: Moved = { length: 0, actions: [], more: false };
  let asks = true;
  let changed = false;
  const ask = (): void => {
    asks = true;
  };
  setHandler(wakeSignal, ask);
  setHandler(cancelSignal, ask);
  const alarm = createAlarm(ask);

  function learn(answer: Moved): void {
    if (answer.length < newest.length) return;
    newest = answer;
    asks ||= answer.more;
  }

  function begin(key: string, work: Work): void {
    const scope = new CancellationScope();
    doing.set(key, scope);
    void scope
      .run(() => attempt(run, work))
      .then(learn, async () => {
        // Stopped, or somebody else has the outcome: the journal knows.
        if (!scope.consideredCancelled) await sleep(PAUSE_AFTER_FAILURE);
        ask();
      })
      .finally(() => {
        doing.delete(key);
        changed = true;
      });
  }

  for (;;) {
    if (asks) {
      asks = false;
      learn(await moveOn(run));
    }
    changed = false;
    const wanted = new Map(newest.actions.filter(isWork).map((work) => [keyOf(work), work]));
    for (const [key, scope] of doing) if (!wanted.has(key)) scope.cancel();
    const isDone = newest.actions.some(({ type }) => type === 'done');
    if (isDone && doing.size === 0) return;
    // Nothing survives a new execution: what is under way ends first.
    const drains = workflowInfo().continueAsNewSuggested;
    if (drains && doing.size === 0 && !asks) await continueAsNew<typeof driveInstance>(run);
    // An undo waits until what was stopped has come to rest.
    const rests = [...doing.keys()].every((key) => wanted.has(key));
    for (const [key, work] of wanted) {
      if (!doing.has(key) && !drains && (work.type === 'step' || rests)) begin(key, work);
    }
    alarm.set(newest.actions.find(({ type }) => type === 'wait'));
    await condition(() => asks || changed);
  }
}

function isWork(action: Action): action is Work {
  return action.type === 'step' || action.type === 'undo';
}

/** An undo of another pace is other work: one that was retried does not sleep until the next slow try. */
function keyOf(work: Work): string {
  return `${work.path}#${work.visit}/${work.type === 'step' ? 'do' : `undo ${work.pace}`}`;
}

function attempt(run: RunReference, work: Work): Promise<Moved> {
  return work.type === 'step'
    ? proxyActivities<Activities>(stepAttempts(work)).attemptStep(run, work)
    : proxyActivities<Activities>(undoAttempts(work)).attemptUndo(run, work);
}

/** One timer at a time, kept while the time stays the same. */
function createAlarm(ring: () => void): { set(action: Action | undefined): void } {
  let until: string | undefined;
  let scope: CancellationScope | undefined;
  let rang: string | undefined;
  return {
    set(action) {
      const next = action?.type === 'wait' ? action.until : undefined;
      if (next === until) return;
      scope?.cancel();
      until = next;
      if (next === undefined) return;
      const leftMs = Math.max(Date.parse(next) - Date.now(), rang === next ? SKEW_MS : 1);
      scope = new CancellationScope();
      scope
        .run(() => sleep(leftMs))
        .then(
          () => {
            rang = next;
            until = undefined;
            ring();
          },
          () => undefined,
        );
    },
  };
}
