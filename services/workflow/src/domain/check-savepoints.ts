import { predecessors } from './graph.ts';
import type { Problem } from './problem.ts';
import { type ReadSequence, sequencesOf } from './read-sequence.ts';
import type { Step } from './step-kind.ts';

/** Savepoints stand between steps of the run itself, and are named once; who goes back to one comes after it. */
export function checkSavepoints(root: ReadSequence, onFailure: string | undefined): Problem[] {
  const carriers = carriersIn(root);
  const before = predecessors(root.graph);
  const unknown = (pointer: string, name: string): Problem => ({
    pointer,
    reason: 'SAVEPOINT_UNKNOWN',
    message: `No step before carries the savepoint "${name}".`,
  });
  const problems: Problem[] = [];
  for (const { sequence } of sequencesOf(root)) {
    for (const { pointer, step, savepoint } of sequence.steps) {
      if (savepoint !== undefined && sequence !== root) {
        const message = 'Only a step that is in no other carries a savepoint.';
        problems.push({ pointer: `${pointer}/savepoint`, reason: 'SAVEPOINT_INVALID', message });
      } else if (savepoint !== undefined && carriers.get(savepoint) !== step.id) {
        const message = `Another step carries the savepoint "${savepoint}" already.`;
        problems.push({ pointer: `${pointer}/savepoint`, reason: 'SAVEPOINT_INVALID', message });
      }
      const name = step.onError?.rollbackTo;
      const carrier = name === undefined ? undefined : carriers.get(name);
      if (name === undefined) continue;
      if (sequence !== root) {
        const message =
          'Inside of a block only the step’s own effects are undone; a savepoint is gone back to from outside.';
        problems.push({ pointer: `${pointer}/onError/rollbackTo`, reason: 'SAVEPOINT_INVALID', message });
      } else if (carrier === undefined || !before.get(step.id)?.has(carrier)) {
        problems.push(unknown(`${pointer}/onError/rollbackTo`, name));
      }
    }
  }
  if (onFailure !== undefined && !carriers.has(onFailure)) problems.push(unknown('/onFailure/rollbackTo', onFailure));
  return problems;
}

/** Replaces names of savepoints by the steps that carry them. */
export function resolveSavepoints(root: ReadSequence) {
  const carriers = carriersIn(root);
  const stepOf = (name: string | undefined) => (name === undefined ? undefined : carriers.get(name));
  return {
    carriers,
    stepOf,
    of(step: Step): Step {
      const rollbackTo = stepOf(step.onError?.rollbackTo);
      if (step.onError === undefined || rollbackTo === undefined) return step;
      return { ...step, onError: { ...step.onError, rollbackTo } };
    },
  };
}

function carriersIn(root: ReadSequence): Map<string, string> {
  const carriers = new Map<string, string>();
  for (const { step, savepoint } of root.steps) {
    if (savepoint !== undefined && !carriers.has(savepoint)) carriers.set(savepoint, step.id);
  }
  return carriers;
}
