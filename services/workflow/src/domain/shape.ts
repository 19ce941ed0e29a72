import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { type JsonObject, type JsonValue, pointerPart } from './json.ts';
import type { Problem } from './problem.ts';
import type { StepKind } from './step-kind.ts';

export const MAX_STEPS = 500;
export const MAX_DEFINITION_BYTES = 256 * 1024;

const target = { type: 'string', pattern: '^(\\$end|\\$fail|[a-z][a-z0-9_]{0,62})$' };

/** The fields that every step has. */
const stepFields: JsonObject = {
  id: { type: 'string', pattern: '^[a-z][a-z0-9_]{0,62}$', description: 'Expressions speak of it as `steps.<id>`.' },
  kind: { type: 'string' },
  name: { type: 'string', maxLength: 255 },
  description: { type: 'string', maxLength: 4000 },
  next: { ...target, description: 'The step that follows; none means `$end`.' },
  timeoutMs: { type: 'integer', minimum: 100, maximum: 600_000, description: 'Of one attempt.' },
  retry: {
    type: 'object',
    additionalProperties: false,
    properties: {
      maxAttempts: { type: 'integer', minimum: 1, maximum: 10 },
      initialIntervalMs: { type: 'integer', minimum: 10, maximum: 60_000 },
      maxIntervalMs: { type: 'integer', minimum: 10, maximum: 600_000 },
    },
  },
};

const irreversible: JsonObject = {
  type: 'boolean',
  description:
    'Cannot be undone: allowed only where every path leads through a validation whose `minimum` is `passed`.',
};

const definitionFields: JsonObject = {
  $schema: { type: 'string' },
  description: { type: 'string', maxLength: 4000 },
  input: {
    type: 'object',
    additionalProperties: false,
    properties: { schema: { type: 'object', description: 'JSON Schema that the input of a run must meet.' } },
  },
  timeoutMs: { type: 'integer', minimum: 1000, maximum: 30 * 86_400_000, description: 'Of a run, undos not counted.' },
  driver: {
    enum: ['temporal'],
    description: 'Has Temporal drive the runs from their start. None given: whoever is fit, which is quicker.',
  },
  output: { type: 'object', maxProperties: 100, description: 'Template of what a completed run gives.' },
};

/** The JSON Schema of a definition, put together from the kinds of steps. */
export function definitionSchema(kinds: readonly StepKind[]): JsonObject {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Workflow definition',
    description:
      'A graph of steps; the first one starts. In templates `${…}` holds a CEL expression over `input`, `steps.<id>` and `run` (in an undo also `effect.key`).',
    type: 'object',
    additionalProperties: false,
    required: ['steps'],
    properties: {
      ...definitionFields,
      steps: { type: 'array', minItems: 1, maxItems: MAX_STEPS, items: { oneOf: kinds.map(stepSchema) } },
    },
  };
}

/** A kind takes a field of every step away by giving it the schema `false`. */
function stepSchema(kind: StepKind): JsonObject {
  const properties: JsonObject = {
    ...stepFields,
    kind: { const: kind.kind },
    ...(kind.effect ? { irreversible } : {}),
    ...kind.fields,
  };
  return {
    title: `${kind.kind} step`,
    type: 'object',
    additionalProperties: false,
    required: ['id', 'kind', ...kind.required],
    properties: Object.fromEntries(Object.entries(properties).filter(([, schema]) => schema !== false)),
  };
}

/** Checks shapes: what fields there are and of which types. */
export type ShapeCheck = (definition: JsonValue) => readonly Problem[];

/** Each step is checked against the schema of its own kind, so that the answer names the field and not "no alternative fits". */
export function createShapeCheck(kinds: readonly StepKind[]): ShapeCheck {
  const ajv = new Ajv({ allErrors: true, strict: false });
  const outer = ajv.compile({
    ...definitionSchema(kinds),
    properties: {
      ...definitionFields,
      steps: { type: 'array', minItems: 1, maxItems: MAX_STEPS, items: { type: 'object' } },
    },
  });
  const byKind = new Map(kinds.map((kind) => [kind.kind, ajv.compile(stepSchema(kind))]));
  return (definition) => {
    const problems = problemsOf(outer, definition, '');
    if (problems.length > 0) return problems;
    const { steps } = definition as { steps: JsonObject[] };
    return steps.flatMap((step, index) => {
      const check = typeof step['kind'] === 'string' ? byKind.get(step['kind']) : undefined;
      if (check !== undefined) return problemsOf(check, step, `/steps/${index}`);
      const known = [...byKind.keys()].join(', ');
      return [
        { pointer: `/steps/${index}/kind`, reason: 'STEP_KIND_UNKNOWN', message: `A step's kind is one of ${known}.` },
      ];
    });
  };
}

function problemsOf(check: ValidateFunction, value: JsonValue, base: string): Problem[] {
  if (check(value)) return [];
  return (check.errors ?? []).flatMap((error) => toProblem(error, base) ?? []);
}

function toProblem(error: ErrorObject, base: string): Problem | undefined {
  const pointer = base + error.instancePath;
  switch (error.keyword) {
    case 'required': {
      const name = String(error.params['missingProperty']);
      return { pointer: `${pointer}/${pointerPart(name)}`, reason: 'FIELD_MISSING', message: `"${name}" is missing.` };
    }
    case 'additionalProperties': {
      const name = String(error.params['additionalProperty']);
      return {
        pointer: `${pointer}/${pointerPart(name)}`,
        reason: 'FIELD_UNKNOWN',
        message: `There is no field "${name}" here.`,
      };
    }
    case 'if':
    case 'oneOf':
      return undefined;
    default:
      return { pointer, reason: 'FIELD_INVALID', message: `It ${error.message ?? 'is not valid'}.` };
  }
}
