import { AppError } from '@flotilla/errors';
import { Ajv, type ValidateFunction } from 'ajv';
import { RE2JS } from 're2js';
import { isObject, type JsonObject, type JsonValue, sizeOf } from './json.ts';
import type { Problem } from './problem.ts';

const MAX_SCHEMA_BYTES = 64 * 1024;
const MAX_DEPTH = 16;

/** Checks a run's input; throws INPUT_INVALID with every violation. */
export type InputCheck = (input: JsonObject) => void;

/** Compiles an author's schema, or says what keeps it from being used. */
export function readInputSchema(
  schema: JsonObject | undefined,
  pointer: string,
): { problems: Problem[]; check: InputCheck } {
  const anything: InputCheck = () => {};
  if (schema === undefined) return { problems: [], check: anything };
  try {
    return { problems: [], check: compileInputSchema(schema) };
  } catch (error) {
    const text = error instanceof Error ? error.message : '';
    const message = error instanceof AppError ? text : `It is no JSON Schema: ${text}`;
    return { problems: [{ pointer, reason: 'INPUT_SCHEMA_INVALID', message }], check: anything };
  }
}

/** Patterns run in linear time (RE2), and references are refused: a schema comes from an author who is not trusted. */
function compileInputSchema(schema: JsonObject): InputCheck {
  if (sizeOf(schema) > MAX_SCHEMA_BYTES) throw refuse(`The schema has more than ${MAX_SCHEMA_BYTES} bytes.`);
  refuseUnsafe(schema, 0);
  const ajv = new Ajv({
    allErrors: true,
    strict: false,
    validateFormats: false,
    addUsedSchema: false,
    code: { regExp: linear },
  });
  const check = ajv.compile(schema);
  return (input) => {
    if (check(input)) return;
    throw new AppError('invalid_argument', 'INPUT_INVALID', 'The input does not meet the schema of the workflow.', {
      violations: violationsOf(check),
    });
  };
}

function violationsOf(check: ValidateFunction): { field: string; reason: string; message: string }[] {
  return (check.errors ?? []).slice(0, 50).map((error) => ({
    field: `/input${error.instancePath}`,
    reason: 'INPUT_INVALID',
    message: error.message ?? 'is not valid',
  }));
}

const linear = Object.assign(
  (pattern: string) => {
    const compiled = RE2JS.compile(pattern);
    return { test: (text: string) => compiled.matcher(text).find() };
  },
  { code: 'linear' },
);

function refuseUnsafe(value: JsonValue, depth: number): void {
  if (depth > MAX_DEPTH) throw refuse(`The schema is deeper than ${MAX_DEPTH} levels.`);
  if (Array.isArray(value)) for (const item of value) refuseUnsafe(item, depth + 1);
  if (!isObject(value)) return;
  for (const [name, inner] of Object.entries(value)) {
    if (typeof inner === 'string' && ['$ref', '$dynamicRef', '$recursiveRef'].includes(name))
      throw refuse(`"${name}" is not allowed.`);
    refuseUnsafe(inner, depth + 1);
  }
}

function refuse(message: string): AppError {
  return new AppError('invalid_argument', 'INPUT_SCHEMA_INVALID', message);
}
