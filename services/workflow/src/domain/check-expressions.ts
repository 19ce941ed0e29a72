import type { Reference } from '@flotilla/expressions';
import { type Graph, predecessors } from './graph.ts';
import { isObject, type JsonObject } from './json.ts';
import type { Problem } from './problem.ts';

/** An expression and where it stands. */
export interface ExpressionUse {
  readonly pointer: string;
  /** The step it belongs to; the output template belongs to none. */
  readonly stepId: string | undefined;
  readonly references: readonly Reference[];
}

/** Finds references to steps that do not exist or cannot have run, and to input that the schema does not allow. */
export function checkExpressions(
  graph: Graph,
  uses: readonly ExpressionUse[],
  inputSchema: JsonObject | undefined,
): Problem[] {
  const before = predecessors(graph);
  const inputFields = closedFields(inputSchema);
  return uses.flatMap(({ pointer, stepId, references }) =>
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
      const runs = before.get(name);
      if (runs === undefined) return [{ pointer, reason: 'STEP_UNKNOWN', message: `There is no step "${name}".` }];
      if (stepId === undefined || before.get(stepId)?.has(name)) return [];
      return [
        {
          pointer,
          reason: 'EXPRESSION_STEP_NOT_RUN',
          message: `The step "${name}" cannot have run before "${stepId}".`,
        },
      ];
    }),
  );
}

/** The fields of an input that allows no others. */
function closedFields(schema: JsonObject | undefined): ReadonlySet<string> | undefined {
  if (schema === undefined || schema['additionalProperties'] !== false || !isObject(schema['properties']))
    return undefined;
  return new Set(Object.keys(schema['properties']));
}
