import { AppError } from '@flotilla/errors';
import { Ajv } from 'ajv';
import { RE2JS } from 're2js';
import { isObject, type JsonObject, type JsonValue, sizeOf } from './json.ts';
import type { Problem } from './problem.ts';

const MAX_SCHEMA_BYTES = 64 * 1024;
const MAX_DEPTH = 16;

/** Checks what comes from outside; throws a coded error with every violation. */
export type InputCheck = (input: JsonObject) => void;

/** What a check says of that which does not fit, and where it is: a JSON pointer. */
export interface CheckWords {
  readonly refusal: readonly [code: 'invalid_argument', reason: string, message: string];
  readonly field: string;
}

const ofInput: CheckWords = {
  refusal: ['invalid_argument', 'INPUT_INVALID', 'The input does not meet the schema of the workflow.'],
  field: '/input',
};

/** Compiles an author's schema, or says what keeps it from being used. */
export function readInputSchema(
  schema: JsonObject | undefined,
  pointer: string,
  words: CheckWords = ofInput,
): { problems: Problem[]; check: InputCheck } {
  const anything: InputCheck = () => {};
  if (schema === undefined) return { problems: [], check: anything };
  try {
    return { problems: [], check: compileInputSchema(schema, words) };
  } catch (error) {
    const text = error instanceof Error ? error.message : '';
    const message = error instanceof AppError ? text : `It is no JSON Schema: ${text}`;
    return { problems: [{ pointer, reason: 'INPUT_SCHEMA_INVALID', message }], check: anything };
  }
}

/** Patterns run in linear time (RE2), and references are refused: a schema comes from an author who is not trusted. */
export function compileInputSchema(schema: JsonObject, { refusal, field }: CheckWords): InputCheck {
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
    const violations = (check.errors ?? []).slice(0, 50).map((error) => ({
      field: `${field}${error.instancePath}`,
      reason: refusal[1],
      message: error.message ?? 'is not valid',
    }));
    throw new AppError(...refusal, { violations });
  };
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
