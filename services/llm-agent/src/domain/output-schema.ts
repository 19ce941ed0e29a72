import { AppError, type Violation } from '@flotilla/errors';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { TimeLimitReached, withTimeLimit } from './time-limit.ts';

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [name: string]: JsonValue;
}

/** What the answer of a model is worth as a value. */
export type Output =
  | { readonly fits: true; readonly value: JsonValue }
  | { readonly fits: false; readonly problems: readonly string[] };

const maxSchemaCharacters = 65_536;
const maxDepth = 32;
const compileLimitMs = 1_000;
const validateLimitMs = 250;

/** Refuses a schema that is no JSON Schema (draft 2020-12), or too large or slow to be one, and says where. */
export function checkOutputSchema(schema: JsonObject): void {
  const size = JSON.stringify(schema).length;
  if (size > maxSchemaCharacters) {
    throw refused([place('', `has ${size} characters; at most ${maxSchemaCharacters}`)]);
  }
  if (depthOf(schema) > maxDepth) throw refused([place('', `is nested deeper than ${maxDepth} levels`)]);
  const ajv = createAjv();
  try {
    if (withTimeLimit(compileLimitMs, () => ajv.validateSchema(schema)) !== true) {
      throw refused((ajv.errors ?? []).map((error) => place(error.instancePath, error.message ?? 'is wrong')));
    }
    withTimeLimit(compileLimitMs, () => ajv.compile(schema));
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw refused([place('', messageOf(error))]);
  }
}

/** Parses an answer and holds it against the schema, which {@link checkOutputSchema} has accepted. */
export function readOutput(schema: JsonObject, answer: string): Output {
  let value: JsonValue;
  try {
    value = JSON.parse(withoutFence(answer)) as JsonValue;
  } catch (error) {
    return { fits: false, problems: [`The answer is not JSON: ${messageOf(error)}`] };
  }
  if (!isStorable(value)) return { fits: false, problems: ['The answer holds a NUL character or half a character.'] };
  try {
    const validate = compiled(schema);
    if (withTimeLimit(validateLimitMs, () => validate(value))) return { fits: true, value };
    return { fits: false, problems: (validate.errors ?? []).slice(0, 10).map(describe) };
  } catch (error) {
    const why = error instanceof TimeLimitReached ? `took longer than ${validateLimitMs} ms` : 'failed';
    return { fits: false, problems: [`Holding the answer against the schema ${why}.`] };
  }
}

function createAjv(): Ajv2020 {
  return new Ajv2020({ strict: false, allErrors: false, validateFormats: false, logger: false });
}

/** Compiling costs milliseconds and agents run many times: the latest validators are kept. */
const validators = new Map<string, ValidateFunction>();
const keptValidators = 100;

function compiled(schema: JsonObject): ValidateFunction {
  const key = JSON.stringify(schema);
  const kept = validators.get(key);
  const validate = kept ?? withTimeLimit(compileLimitMs, () => createAjv().compile(schema));
  validators.delete(key);
  validators.set(key, validate);
  const oldest = validators.keys().next().value;
  if (validators.size > keptValidators && oldest !== undefined) validators.delete(oldest);
  return validate;
}

function refused(violations: readonly Violation[]): AppError {
  const [first] = violations;
  const message = `The output schema is not usable: ${first?.field ?? 'output_schema'} ${first?.message ?? 'is wrong'}.`;
  return new AppError('invalid_argument', 'OUTPUT_SCHEMA_INVALID', message, { violations: violations.slice(0, 20) });
}

const place = (pointer: string, message: string): Violation => ({
  field: `output_schema${pointer}`,
  reason: 'OUTPUT_SCHEMA_INVALID',
  message,
});

const describe = ({ instancePath, message, params }: ErrorObject): string => {
  const extra = 'additionalProperty' in params ? ` ("${String(params['additionalProperty'])}")` : '';
  return `${instancePath === '' ? 'The answer' : instancePath} ${message ?? 'is wrong'}${extra}.`.slice(0, 300);
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 300);

/** Models like to wrap JSON in a Markdown fence. */
function withoutFence(answer: string): string {
  return /^\s*```(?:json)?\s*\n([\s\S]*?)\n?```\s*$/.exec(answer)?.[1] ?? answer;
}

/** Postgres stores neither NUL nor lone surrogates; JSON can smuggle both in as escapes. */
function isStorable(value: JsonValue): boolean {
  return !/(?<!\\)(?:\\\\)*\\u(?:0000|d[89ab][0-9a-f]{2}|d[c-f][0-9a-f]{2})/i.test(JSON.stringify(value));
}

function depthOf(value: JsonValue): number {
  let depth = 0;
  for (let level: JsonValue[] = [value]; level.length > 0 && depth <= maxDepth; depth += 1) {
    level = level.flatMap((item) => (item !== null && typeof item === 'object' ? Object.values(item) : []));
  }
  return depth;
}
