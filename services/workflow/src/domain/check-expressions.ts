import type { Reference } from '@flotilla/expressions';
import { predecessors } from './graph.ts';
import { isObject, type JsonObject } from './json.ts';
import type { Problem } from './problem.ts';
import { type Around, type ReadSequence, sequencesOf } from './read-sequence.ts';

/** An expression and where it stands. */
export interface ExpressionUse {
  readonly pointer: string;
  /** The step it belongs to; that of an output belongs to none. */
  readonly stepId: string | undefined;
  readonly references: readonly Reference[];
}

/** Finds references to steps that do not exist, cannot have run or cannot be seen, and to input that the schema does not allow. */
export function checkExpressions(root: ReadSequence, inputSchema: JsonObject | undefined): Problem[] {
  const sequences = [...sequencesOf(root)];
  const everywhere = new Set(sequences.flatMap(({ sequence }) => sequence.graph.nodes));
  const before = new Map(sequences.map(({ sequence }) => [sequence, predecessors(sequence.graph)]));
  const inputFields = closedFields(inputSchema);

  function problemWithStep(
    name: string,
    places: readonly Around[],
    stepId: string | undefined,
  ): Omit<Problem, 'pointer'> | undefined {
    for (const place of places) {
      const runs = before.get(place.sequence);
      if (runs?.has(name) !== true) continue;
      if (place.stepId === '' || runs.get(place.stepId)?.has(name) === true) return undefined;
      const message = `The step "${name}" cannot have run before "${stepId ?? place.stepId}".`;
      return { reason: 'EXPRESSION_STEP_NOT_RUN', message };
    }
    if (!everywhere.has(name)) return { reason: 'STEP_UNKNOWN', message: `There is no step "${name}".` };
    const message = `The step "${name}" is inside of another one: from outside only that one's output can be seen.`;
    return { reason: 'EXPRESSION_STEP_NOT_RUN', message };
  }

  return sequences.flatMap(({ sequence, around }) =>
    [...sequence.uses, ...sequence.steps.flatMap(({ expressions }) => expressions)].flatMap(
      ({ pointer, stepId, references }) =>
        references.flatMap(({ path: [variable, name] }): Problem[] => {
          if (variable === 'input') {
            return name === undefined || inputFields === undefined || inputFields.has(name)
              ? []
              : [{ pointer, reason: 'EXPRESSION_UNKNOWN_FIELD', message: `The input has no field "${name}".` }];
          }
          if (variable !== 'steps') return [];
          if (name === undefined) {
            const message = 'Speak of steps as `steps.<id>`: which step is meant must be known before the run.';
            return [{ pointer, reason: 'EXPRESSION_INVALID', message }];
          }
          const problem = problemWithStep(name, [{ sequence, stepId: stepId ?? '' }, ...around], stepId);
          return problem === undefined ? [] : [{ pointer, ...problem }];
        }),
    ),
  );
}

/** The fields of an input that allows no others. */
function closedFields(schema: JsonObject | undefined): ReadonlySet<string> | undefined {
  if (schema === undefined || schema['additionalProperties'] !== false || !isObject(schema['properties']))
    return undefined;
  return new Set(Object.keys(schema['properties']));
}
