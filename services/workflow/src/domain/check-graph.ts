import { cycles, type Graph, predecessors, reachable } from './graph.ts';
import type { Problem } from './problem.ts';
import type { ReadSequence } from './read-sequence.ts';
import type { ReadStep } from './read-step.ts';

/** Checks what the edges of a sequence say: unknown steps, cycles, steps nobody reaches, re-asks. */
export function checkGraph({ graph, steps }: ReadSequence): Problem[] {
  return [
    ...unknownTargets(graph, steps),
    ...cycleProblems(graph),
    ...unreachable(graph, steps),
    ...badReasks(graph, steps),
  ];
}

function unknownTargets(graph: Graph, steps: readonly ReadStep[]): Problem[] {
  const known = new Set(graph.nodes);
  return steps.flatMap(({ exits, reasks }) =>
    [...exits, ...reasks]
      .filter((edge) => !known.has(edge.to))
      .map(
        ({ to, pointer }): Problem => ({ pointer, reason: 'STEP_UNKNOWN', message: `There is no step "${to}" here.` }),
      ),
  );
}

function cycleProblems(graph: Graph): Problem[] {
  return cycles(graph).map(({ edge, path }) => ({
    pointer: edge.pointer,
    reason: 'CYCLE',
    message: `The steps go round: ${path.join(' → ')}. Only a validation may lead back, by its "reask".`,
  }));
}

function unreachable(graph: Graph, steps: readonly ReadStep[]): Problem[] {
  const reached = reachable(graph, [graph.start]);
  return steps
    .filter(({ step }) => !reached.has(step.id))
    .map(({ pointer, step }) => ({
      pointer,
      reason: 'STEP_UNREACHABLE',
      message: `No path leads to the step "${step.id}".`,
    }));
}

function badReasks(graph: Graph, steps: readonly ReadStep[]): Problem[] {
  const roles = new Map(steps.map(({ step, role }) => [step.id, role]));
  const before = predecessors({ ...graph, reasks: new Map() });
  return steps.flatMap(({ step, reasks }) =>
    reasks
      .filter(({ to }) => roles.has(to) && !(roles.get(to) === 'asks' && before.get(step.id)?.has(to)))
      .map(
        ({ to, pointer }): Problem => ({
          pointer,
          reason: 'REASK_INVALID',
          message: `Only an agent step that leads to "${step.id}" can be asked again; "${to}" is none.`,
        }),
      ),
  );
}
