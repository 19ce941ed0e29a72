import { AppError } from '@flotilla/errors';
import { readInputSchema } from './input-schema.ts';
import { isObject, type JsonObject, type JsonValue } from './json.ts';

/** A definition with typed parameters. */
export interface WorkflowTemplate {
  readonly id: string;
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly category: string;
  readonly definition: JsonObject;
  /** A JSON Schema of an object. */
  readonly parameters: JsonObject;
  readonly tags: readonly string[];
  readonly active: boolean;
  readonly usageCount: number;
  readonly rating: number;
  readonly ratingCount: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly deleted: boolean;
  readonly revision: number;
}

const placeholder = /\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g;
const whole = /^\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}$/;

/** Throws where the parameters are no schema, or the definition names one that is not declared. */
export function checkTemplate({ definition, parameters }: Pick<WorkflowTemplate, 'definition' | 'parameters'>): void {
  const [problem] = readInputSchema(schemaOf(parameters), '/parameters').problems;
  if (problem !== undefined) throw new AppError('invalid_argument', 'PARAMETERS_SCHEMA_INVALID', problem.message);
  const declared = declaredIn(parameters);
  const unknown = [...namesIn(definition)].filter((name) => !Object.hasOwn(declared, name));
  if (unknown.length > 0) {
    const message = `The definition names parameters that are not declared: ${unknown.slice(0, 20).join(', ')}.`;
    throw new AppError('invalid_argument', 'PARAMETER_UNKNOWN', message);
  }
}

/** The definition with the values put in; defaults where there is none. Throws PARAMETERS_INVALID with every violation. */
export function fillIn(template: Pick<WorkflowTemplate, 'definition' | 'parameters'>, given: JsonObject): JsonObject {
  const declared = declaredIn(template.parameters);
  const defaults = Object.entries(declared).flatMap(([name, schema]) =>
    isObject(schema) && schema['default'] !== undefined ? [[name, schema['default']] as const] : [],
  );
  const values: JsonObject = { ...Object.fromEntries(defaults), ...given };
  checkValues(template, values);
  return filled(template.definition, values, '') as JsonObject;
}

function checkValues(
  { definition, parameters }: Pick<WorkflowTemplate, 'definition' | 'parameters'>,
  values: JsonObject,
) {
  const missing = [...namesIn(definition)].filter((name) => !Object.hasOwn(values, name));
  const violations = missing.map((name) => ({
    field: `/parameters/${name}`,
    reason: 'PARAMETER_MISSING',
    message: 'is missing',
  }));
  try {
    readInputSchema(schemaOf(parameters), '/parameters').check(values);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    violations.push(
      ...(error.violations ?? []).map(({ field, message }) => ({
        field: field.replace(/^\/input/, '/parameters'),
        reason: 'PARAMETER_INVALID',
        message,
      })),
    );
  }
  if (violations.length === 0) return;
  const message = 'The parameters do not meet the schema of the template.';
  throw new AppError('invalid_argument', 'PARAMETERS_INVALID', message, { violations });
}

/** `field` is the name under which the value stands: a condition is CEL as a whole, so values are literals there. */
function filled(value: JsonValue, values: JsonObject, field: string): JsonValue {
  if (Array.isArray(value)) return value.map((item) => filled(item, values, field));
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, filled(inner, values, name)]));
  }
  if (typeof value !== 'string') return value;
  if (field === 'when') return value.replaceAll(placeholder, (_, name: string) => JSON.stringify(values[name] ?? null));
  const [, only] = whole.exec(value) ?? [];
  if (only !== undefined) return escaped(values[only] ?? null);
  return value.replaceAll(placeholder, (_, name: string) => textOf(escaped(values[name] ?? null)));
}

/** A value stays a value: it does not become an expression of the definition. */
function escaped(value: JsonValue): JsonValue {
  if (typeof value === 'string') return value.replaceAll('${', () => '$${');
  if (Array.isArray(value)) return value.map(escaped);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, escaped(inner)]));
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function namesIn(value: JsonValue, found = new Set<string>()): Set<string> {
  if (typeof value === 'string') for (const [, name] of value.matchAll(placeholder)) found.add(name ?? '');
  const inner = Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
  for (const each of inner) namesIn(each, found);
  return found;
}

function declaredIn(parameters: JsonObject): JsonObject {
  return isObject(parameters['properties']) ? parameters['properties'] : {};
}

function schemaOf(parameters: JsonObject): JsonObject {
  return { type: 'object', additionalProperties: false, ...parameters };
}
