import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { type JsonObject, type JsonValue, pointerPart } from './json.ts';
import type { Problem } from './problem.ts';
import type { StepKind } from './step-kind.ts';

/** Of a definition, those inside of blocks too. */
export const MAX_STEPS = 500;
/** How deep steps may stand inside of steps. */
export const MAX_LEVELS = 8;
export const MAX_DEFINITION_BYTES = 256 * 1024;

const target = { type: 'string', pattern: '^(\\$end|\\$fail|[a-z][a-z0-9_]{0,62})$' };

const reasons: JsonObject = {
  type: 'array',
  minItems: 1,
  maxItems: 20,
  uniqueItems: true,
  items: { type: 'string', pattern: '^[A-Z][A-Z0-9_]{0,62}$' },
};

const contextFields: JsonObject = {
  type: 'object',
  maxProperties: 50,
  propertyNames: { pattern: '^[a-z][a-z0-9_]{0,62}$' },
};

/** The fields that every step has. */
const stepFields: JsonObject = {
  id: { type: 'string', pattern: '^[a-z][a-z0-9_]{0,62}$', description: 'Expressions speak of it as `steps.<id>`.' },
  kind: { type: 'string' },
  name: { type: 'string', maxLength: 255 },
  description: { type: 'string', maxLength: 4000 },
  next: { ...target, description: 'The step that follows; none means `$end`.' },
  onError: {
    type: 'object',
    additionalProperties: false,
    required: ['next'],
    properties: {
      next: { ...target, description: 'Where the run goes on after the step failed and its effects were undone.' },
      rollbackTo: { type: 'string', description: 'A savepoint: all that was done since is undone before.' },
    },
  },
  context: {
    ...contextFields,
    description:
      'Templates by name: what is written to the context of the run when the step is completed. Expressions read it as `context.<name>`.',
  },
  savepoint: {
    type: 'string',
    pattern: '^[a-z][a-z0-9_]{0,62}$',
    description: 'What was done up to the end of this step stays, where a failure goes back to this name only.',
  },
  timeoutMs: { type: 'integer', minimum: 100, maximum: 600_000, description: 'Of one attempt.' },
  retry: {
    type: 'object',
    additionalProperties: false,
    properties: {
      maxAttempts: { type: 'integer', minimum: 1, maximum: 10 },
      initialIntervalMs: { type: 'integer', minimum: 10, maximum: 60_000 },
      maxIntervalMs: { type: 'integer', minimum: 10, maximum: 600_000 },
      on: {
        ...reasons,
        description: 'Only failures of these reasons are tried again. None given: those that may pass by themselves.',
      },
      except: { ...reasons, description: 'Failures of these reasons are not tried again.' },
    },
  },
};

const irreversible: JsonObject = {
  type: 'boolean',
  description:
    'Cannot be undone: allowed only where every path leads through a proof, a passed validation or an approval.',
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
  onFailure: {
    type: 'object',
    additionalProperties: false,
    required: ['rollbackTo'],
    properties: { rollbackTo: { type: 'string', description: 'A savepoint: what was done before it is not undone.' } },
  },
  context: { ...contextFields, description: 'Templates by name: what the context of a run begins with.' },
  output: { type: 'object', maxProperties: 100, description: 'Template of what a completed run gives.' },
};

/** The JSON Schema of a definition, put together from the kinds of steps. */
export function definitionSchema(kinds: readonly StepKind[]): JsonObject {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Workflow definition',
    description:
      'A graph of steps; the first one starts. In templates `${…}` holds a CEL expression over `input`, `steps.<id>`, `context` and `run` (in an undo also `effect.key`).',
    type: 'object',
    additionalProperties: false,
    required: ['steps'],
    properties: {
      ...definitionFields,
      steps: { $ref: '#/definitions/steps' },
    },
    definitions: {
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

/** Inside of a step, steps are checked one by one, each against its own kind. */
const anySteps: JsonObject = { steps: { type: 'array', minItems: 1, items: { type: 'object' } } };

/** Each step is checked against the schema of its own kind, so that the answer names the field and not "no alternative fits". */
export function createShapeCheck(kinds: readonly StepKind[]): ShapeCheck {
  const ajv = new Ajv({ allErrors: true, strict: false });
  const outer = ajv.compile({
    ...definitionSchema(kinds),
    properties: { ...definitionFields, steps: { $ref: '#/definitions/steps' } },
    definitions: anySteps,
  });
  const byKind = new Map(
    kinds.map((kind) => [kind.kind, { kind, check: ajv.compile({ ...stepSchema(kind), definitions: anySteps }) }]),
  );
  const known = [...byKind.keys()].join(', ');

  function checkSteps(definition: { readonly steps: readonly JsonObject[] }): Problem[] {
    const problems: Problem[] = [];
    const left: Place[] = [{ pointer: '/steps', steps: definition.steps, level: 1 }];
    let count = 0;
    for (let place = left.shift(); place !== undefined; place = left.shift()) {
      const { pointer, steps, level } = place;
      count += steps.length;
      if (count > MAX_STEPS) {
        return [{ pointer, reason: 'STEPS_TOO_MANY', message: `A definition has at most ${MAX_STEPS} steps.` }];
      }
      if (level > MAX_LEVELS) {
        return [
          {
            pointer,
            reason: 'STEPS_TOO_DEEP',
            message: `Steps stand inside of steps ${MAX_LEVELS} levels deep at most.`,
          },
        ];
      }
      for (const [index, step] of steps.entries()) {
        const at = `${pointer}/${index}`;
        const found = typeof step['kind'] === 'string' ? byKind.get(step['kind']) : undefined;
        if (found === undefined) {
          problems.push({
            pointer: `${at}/kind`,
            reason: 'STEP_KIND_UNKNOWN',
            message: `A step's kind is one of ${known}.`,
          });
          continue;
        }
        const wrong = problemsOf(found.check, step, at);
        problems.push(...wrong);
        if (wrong.length > 0) continue;
        for (const inner of found.kind.nested?.(step) ?? []) {
          left.push({ pointer: at + inner.pointer, steps: inner.steps, level: level + 1 });
        }
      }
    }
    return problems;
  }

  return (definition) => {
    const problems = problemsOf(outer, definition, '');
    return problems.length > 0 ? problems : checkSteps(definition as { steps: JsonObject[] });
  };
}

interface Place {
  readonly pointer: string;
  readonly steps: readonly JsonObject[];
  readonly level: number;
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
    case 'propertyNames': // what is wrong with the name is said besides
    case 'oneOf':
      return undefined;
    default:
      return { pointer, reason: 'FIELD_INVALID', message: `It ${error.message ?? 'is not valid'}.` };
  }
}
