import type { Run } from '../commands/run.ts';
import type { Action, StepAction } from '../domain/action.ts';
import { stepOf } from '../domain/definition.ts';

/** The steps under way, where nothing else is and none of them is of a kind that takes long: a ride can perform them. */
export function ridableSteps(
  { definition, state }: Pick<Run, 'definition' | 'state'>,
  actions: readonly Action[],
): readonly StepAction[] {
  if (!state.waiting.isEmpty() || state.paused) return [];
  // The time limit of the whole run waits beside its steps.
  const steps = actions.filter((action) => action.type === 'step');
  const others = actions.some(({ type }) => type === 'undo' || type === 'done');
  return others || steps.some(({ stepId }) => stepOf(definition, stepId).takesLong) ? [] : steps;
}
