import type { JsonObject } from './json.ts';
import { type CompensationState, compensationOf, type InstanceStatus, type RunState, statusOf } from './run-state.ts';

/** What everybody may see of a run: derived from its journal, kept in its row. */
export interface InstanceView {
  readonly status: InstanceStatus;
  readonly compensation: CompensationState;
  readonly output: JsonObject | undefined;
  readonly stepsDone: number;
  readonly currentSteps: readonly string[];
  readonly error: { readonly reason: string; readonly message: string; readonly stepId?: string } | undefined;
  readonly startedAt: string | undefined;
  readonly completedAt: string | undefined;
  readonly settled: boolean;
}

export function viewOf(state: RunState): InstanceView {
  const undoing = state.effects.filter((effect) => effect.state === 'undoing').map(({ stepId }) => stepId);
  return {
    status: statusOf(state),
    compensation: compensationOf(state),
    output: state.output,
    stepsDone: state.facts.size,
    currentSteps: state.open === undefined ? undoing : [state.open.stepId],
    error: state.failing,
    startedAt: state.firstStepAt,
    completedAt: state.endedAt,
    settled: state.settled,
  };
}
