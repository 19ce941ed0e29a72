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
  /** Evaluated after the step it belongs to, or before the first one; otherwise when that step begins. */
  readonly when?: 'before' | 'after';
}

/**
 * Finds references to steps that do not exist, cannot have run or cannot be seen, to input that the schema does not allow, and to a
 * context that nobody writes. `initial` is what the context begins with.
 */
export function checkExpressions(
  root: ReadSequence,
  inputSchema: JsonObject | undefined,
  initial: { readonly names: readonly string[]; readonly uses: readonly ExpressionUse[] },
): Problem[] {
  const sequences = [...sequencesOf(root)];
  const everywhere = new Set(sequences.flatMap(({ sequence }) => sequence.graph.nodes));
  const before = new Map(sequences.map(({ sequence }) => [sequence, predecessors(sequence.graph)]));
  const inputFields = closedFields(inputSchema);
  const written = new Set([
    ...initial.names,
    ...sequences.flatMap(({ sequence }) => sequence.steps.flatMap(({ step }) => step.writes)),
  ]);

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

  function problemsOf({ pointer, stepId, references, when }: ExpressionUse, places: readonly Around[]): Problem[] {
    return references.flatMap(({ path: [variable, name] }): Problem[] => {
      if (variable === 'input') {
        return name === undefined || inputFields === undefined || inputFields.has(name)
          ? []
          : [{ pointer, reason: 'EXPRESSION_UNKNOWN_FIELD', message: `The input has no field "${name}".` }];
      }
      if (variable === 'context' && (when === 'before' || (name !== undefined && !written.has(name)))) {
        const message = `Nothing writes "${name ?? ''}" to the context${when === 'before' ? ' before' : ''}.`;
        return [{ pointer, reason: 'EXPRESSION_UNKNOWN_FIELD', message }];
      }
      if (variable !== 'steps') return [];
      if (name === undefined) {
        const message = 'Speak of steps as `steps.<id>`: which step is meant must be known before the run.';
        return [{ pointer, reason: 'EXPRESSION_INVALID', message }];
      }
      if (when === 'after' && name === stepId) return [];
      if (when === 'before') {
        return [{ pointer, reason: 'EXPRESSION_STEP_NOT_RUN', message: 'No step has run before the first one.' }];
      }
      const problem = problemWithStep(name, places, stepId);
      return problem === undefined ? [] : [{ pointer, ...problem }];
    });
  }

  return [
    ...initial.uses.flatMap((use) => problemsOf(use, [])),
    ...sequences.flatMap(({ sequence, around }) =>
      [...sequence.uses, ...sequence.steps.flatMap(({ expressions }) => expressions)].flatMap((use) =>
        problemsOf(use, [{ sequence, stepId: use.stepId ?? '' }, ...around]),
      ),
    ),
  ];
}

/** The fields of an input that allows no others. */
function closedFields(schema: JsonObject | undefined): ReadonlySet<string> | undefined {
  if (schema === undefined || schema['additionalProperties'] !== false || !isObject(schema['properties']))
    return undefined;
  return new Set(Object.keys(schema['properties']));
}
