import { isObject, type JsonObject, type JsonValue } from '../json.ts';
import type { Scope } from '../scope.ts';
import { isUnknown, unknown, unknownIn } from '../unknown.ts';

/** Stands for all that a step may leave besides what is named. */
const REST = '…';

/** What is known of the facts of a step before it is asked: what its schema fixes, and what is assumed. */
export function factsKnown(stepId: string, leaves: JsonObject | undefined, assumed: JsonObject = {}): JsonObject {
  const source = `steps.${stepId}`;
  const derived = leaves === undefined ? undefined : fromSchema(leaves, source);
  return {
    output: unknown(`\${${source}.output}`),
    ...(isUnknown(derived) ? {} : (derived as JsonObject)),
    ...assumed,
    [REST]: unknown(`\${${source}}`),
  };
}

/** The facts without what only stands for others. */
export function withoutRest({ [REST]: _, ...facts }: JsonObject): JsonObject {
  return facts;
}

/** A value of which only that is known what a schema leaves no choice about. */
function fromSchema(schema: JsonValue | undefined, source: string): JsonValue {
  if (!isObject(schema)) return unknown(`\${${source}}`);
  if (schema['const'] !== undefined) return schema['const'];
  const options = schema['enum'];
  if (Array.isArray(options) && options.length === 1) return options[0] ?? null;
  const { properties, required } = schema;
  if (!isObject(properties) || !Array.isArray(required)) return unknown(`\${${source}}`);
  const known = required.flatMap((name): [string, JsonValue][] =>
    typeof name === 'string' ? [[name, fromSchema(properties[name], `${source}.${name}`)]] : [],
  );
  const closed = schema['additionalProperties'] === false && known.length === Object.keys(properties).length;
  return { ...Object.fromEntries(known), ...(closed ? {} : { [REST]: unknown(`\${${source}}`) }) };
}

/** Whether everything is known that an expression speaks of by this path. */
export function knows(scope: Scope, [variable = '', ...path]: readonly string[]): boolean {
  switch (variable) {
    case 'input':
      return true;
    case 'effect':
      return false;
    case 'run':
      return isKnown({ ...scope.run }, path);
    case 'context':
      return isKnown(scope.context, path);
    case 'steps': {
      const [stepId = '', ...field] = path;
      return isKnown(scope.factsOf(stepId), field);
    }
    default:
      return isKnown(scope.variables[variable], path);
  }
}

function isKnown(value: JsonValue | undefined, path: readonly string[]): boolean {
  let found = value;
  for (const name of path) {
    if (isUnknown(found)) return false;
    if (!isObject(found)) break;
    if (!Object.hasOwn(found, name)) return !Object.hasOwn(found, REST);
    found = found[name];
  }
  return unknownIn(found).length === 0;
}

/** A value as it is shown. */
export function shown(value: JsonValue): JsonValue {
  if (isUnknown(value)) return String(value);
  if (Array.isArray(value)) return value.map(shown);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(withoutRest(value)).map(([name, inner]) => [name, shown(inner)]));
}

/** Pointers to what is not known of a value that is shown. */
export function unknownShown(value: JsonValue): readonly string[] {
  return unknownIn(value).filter((pointer) => !pointer.endsWith(`/${REST}`));
}
