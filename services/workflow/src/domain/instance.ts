import type { Visit } from './journal.ts';
import type { JsonObject } from './json.ts';
import { type CompensationState, compensationOf, type InstanceStatus, type RunState, statusOf } from './run-state.ts';

/** What everybody may see of a run: derived from its journal, kept in its row. */
export interface InstanceView {
  readonly status: InstanceStatus;
  readonly compensation: CompensationState;
  readonly output: JsonObject | undefined;
  readonly context: JsonObject | undefined;
  readonly stepsDone: number;
  /** Paths of what is under way; of many the first ones. */
  readonly currentSteps: readonly string[];
  readonly error: { readonly reason: string; readonly message: string; readonly path?: string } | undefined;
  readonly startedAt: string | undefined;
  readonly completedAt: string | undefined;
  readonly settled: boolean;
}

const SHOWN_STEPS = 20;

export function viewOf(state: RunState): InstanceView {
  const underWay: Iterable<Visit> = state.open.isEmpty()
    ? state.effects.filter((effect) => effect.state === 'undoing')
    : state.open.values();
  return {
    status: statusOf(state),
    compensation: compensationOf(state),
    output: state.output,
    context: state.context,
    stepsDone: state.done.size,
    currentSteps: Array.from(Iterator.from(underWay).take(SHOWN_STEPS), ({ path }) => path),
    error: state.failing,
    startedAt: state.firstStepAt,
    completedAt: state.endedAt,
    settled: state.settled,
  };
}
