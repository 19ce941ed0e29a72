import type { Problem } from './problem.ts';
import type { ReadSequence } from './read-sequence.ts';
import type { ReadStep } from './read-step.ts';
import { END } from './step-kind.ts';

/**
 * The saga proof: every effect has an undo, or is irreversible behind a proof on every path that leads to it. A step is a proof
 * when it lets nothing through that did not pass; a block when frames that are sure to be completed hold one on each of their paths.
 * What is wrong is told with the path of step ids that shows it.
 */
export function checkProofs(root: ReadSequence): Problem[] {
  return problemsIn(root, [], true);
}

function problemsIn(sequence: ReadSequence, before: readonly string[], unproven: boolean): Problem[] {
  const all = pathsIn(sequence, () => false);
  const open = unproven ? pathsIn(sequence, proves) : new Map<string, readonly string[]>();
  return sequence.steps.flatMap((read): Problem[] => {
    const { step, pointer, sequences } = read;
    const path = [...before, ...(open.get(step.id) ?? all.get(step.id) ?? [step.id])];
    const inside = sequences.flatMap((inner) => problemsIn(inner, path, open.has(step.id)));
    if (step.effect && !step.irreversible && step.planUndo === undefined) {
      const message = `The path ${path.join(' → ')} leaves an effect without undo: "${step.id}" needs an "undo", or "irreversible": true behind a proof.`;
      return [{ pointer, reason: 'EFFECT_WITHOUT_UNDO', message }, ...inside];
    }
    if (step.irreversible && open.has(step.id)) {
      const message = `The path ${path.join(' → ')} leads to "${step.id}" without a validation whose "minimum" is "passed", or an approval.`;
      return [{ pointer: `${pointer}/irreversible`, reason: 'IRREVERSIBLE_UNCHECKED', message }, ...inside];
    }
    return inside;
  });
}

/** Whether nothing comes past the step unproven, but by its `onError`. */
function proves({ step, sequences }: ReadStep): boolean {
  if (step.block === undefined) return step.proves === true;
  return sequences.length - sequences.filter(isProof).length < step.block.sure;
}

/** Whether each way to the end of a sequence leads past a proof. */
function isProof(sequence: ReadSequence): boolean {
  const open = pathsIn(sequence, proves);
  return !sequence.steps.some(
    (read) => open.has(read.step.id) && ((read.ends && !proves(read)) || read.step.onError?.next === END),
  );
}

/** By step, the shortest path from the start that does not go past a stop, but by its `onError`. */
function pathsIn({ graph, steps }: ReadSequence, stops: (read: ReadStep) => boolean): Map<string, readonly string[]> {
  const byId = new Map(steps.map((read) => [read.step.id, read]));
  const paths = new Map<string, readonly string[]>();
  const queue: string[] = [];
  const reach = (stepId: string, before: readonly string[]): void => {
    if (paths.has(stepId) || !byId.has(stepId)) return;
    paths.set(stepId, [...before, stepId]);
    queue.push(stepId);
  };
  reach(graph.start, []);
  for (let at = 0; at < queue.length; at += 1) {
    const read = byId.get(queue[at] ?? '');
    if (read === undefined) continue;
    const path = paths.get(read.step.id) ?? [];
    const targets = stops(read) ? [read.step.onError?.next ?? END] : read.exits.map(({ to }) => to);
    for (const to of targets) reach(to, path);
  }
  return paths;
}
