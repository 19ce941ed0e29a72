import { compileExpression } from '@flotilla/expressions';
import type { JsonObject, JsonValue } from './json.ts';

/** What a step waits for. */
export interface EventWait {
  readonly eventType: string;
  /** CEL over `event` and what is `known`; empty: any event of the type will do. */
  readonly condition: string;
  /** What the condition speaks of of the run, as it was when the step began. */
  readonly known: JsonObject;
}

/** The variable that holds what came. */
export const EVENT = 'event';

/** Whether an event, as JSON, is what a step waits for. Throws EXPRESSION_FAILED where the condition does not suit it. */
export function isAwaited({ condition, known }: Omit<EventWait, 'eventType'>, event: JsonValue): boolean {
  if (condition === '') return true;
  const bindings = { ...known, [EVENT]: event };
  const variables = Object.fromEntries(Object.keys(bindings).map((name) => [name, 'dyn'] as const));
  return compileExpression(condition, { variables, result: 'bool' }).evaluate(bindings);
}
