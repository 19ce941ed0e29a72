import { checkExpressions, type ExpressionUse } from './check-expressions.ts';
import { checkGraph } from './check-graph.ts';
import { checkProofs } from './check-proofs.ts';
import { checkSavepoints, resolveSavepoints } from './check-savepoints.ts';
import type { Definition } from './definition.ts';
import { type InputCheck, readInputSchema } from './input-schema.ts';
import { type JsonObject, type JsonValue, sizeOf } from './json.ts';
import type { Problem, ProblemReason } from './problem.ts';
import { type Complaints, type ReadSequence, readSequence, sequencesOf } from './read-sequence.ts';
import type { ReadStep } from './read-step.ts';
import { createShapeCheck, MAX_DEFINITION_BYTES } from './shape.ts';
import type { StepKind } from './step-kind.ts';
import { compileTemplate } from './template.ts';

/** A definition with everything that is wrong with it. One with problems must not run. */
export interface ReadDefinition {
  readonly problems: readonly Problem[];
  /** Absent where not even the shape is right. */
  readonly definition?: Definition;
}

/** Reads definitions made of these kinds of steps. */
export function createDefinitionReader(kinds: readonly StepKind[]): (json: JsonValue) => ReadDefinition {
  const byName = new Map(kinds.map((kind) => [kind.kind, kind]));
  const checkShape = createShapeCheck(kinds);
  return (json) => {
    const size = sizeOf(json);
    if (size > MAX_DEFINITION_BYTES) {
      const message = `The definition has ${size} bytes; at most ${MAX_DEFINITION_BYTES} are allowed.`;
      return { problems: [{ pointer: '', reason: 'DEFINITION_TOO_LARGE', message }] };
    }
    const shape = checkShape(json);
    return shape.length > 0 ? { problems: shape } : readShaped(json as unknown as ShapedDefinition, byName);
  };
}

interface ShapedDefinition {
  readonly steps: readonly JsonObject[];
  readonly input?: { readonly schema?: JsonObject };
  readonly output?: JsonObject;
  readonly context?: JsonObject;
  readonly timeoutMs?: number;
  readonly driver?: 'temporal';
  readonly onFailure?: { readonly rollbackTo: string };
}

function readShaped(json: ShapedDefinition, kinds: ReadonlyMap<string, StepKind>): ReadDefinition {
  const problems: Problem[] = [];
  const complaints: Complaints = {
    add: (problem) => void problems.push(problem),
    refused: (pointer, error) =>
      void problems.push({ pointer, reason: error.reason as ProblemReason, message: error.message }),
  };
  const root = readSequence({ kinds, complaints }, '/steps', json.steps, {
    variables: [],
    output: ['/output', json.output ?? {}],
  });
  const sequences = [...sequencesOf(root)];
  const steps = sequences.flatMap(({ sequence }) => sequence.steps);
  const uses: ExpressionUse[] = [];
  const context =
    json.context &&
    compileTemplate('/context', json.context, 'any', {
      ...{ undo: false, variables: [], refused: complaints.refused },
      used: (pointer, references) => void uses.push({ pointer, stepId: undefined, references, when: 'before' }),
    });
  const inputSchema = json.input?.schema;
  const input = readInputSchema(inputSchema, '/input/schema');
  problems.push(
    ...input.problems,
    ...duplicates(steps),
    ...disagreements(steps),
    ...sequences.flatMap(({ sequence }) => checkGraph(sequence)),
    ...checkProofs(root),
    ...checkSavepoints(root, json.onFailure?.rollbackTo),
    ...checkExpressions(root, inputSchema, { uses, names: Object.keys(json.context ?? {}) }),
  );
  return { problems, definition: { ...definitionOf(json, root, steps, input.check), context } };
}

function definitionOf(
  json: ShapedDefinition,
  root: ReadSequence,
  steps: readonly ReadStep[],
  checkInput: Definition['checkInput'],
): Omit<Definition, 'context'> {
  const savepoints = resolveSavepoints(root);
  return {
    start: root.graph.start,
    steps: new Map(steps.map(({ step }) => [step.id, savepoints.of(step)])),
    keepsUntil: savepoints.stepOf(json.onFailure?.rollbackTo),
    savepoints: savepoints.carriers,
    timeoutMs: json.timeoutMs,
    driver: json.driver,
    signals: signalsOf(steps),
    agents: steps.flatMap(({ agents }) => agents),
    checkInput,
    output: (scope) => (root.output?.(scope) ?? {}) as JsonObject,
  };
}

/** Whoever sends a signal must be told whether it fits, also before a step waits for it: so all that wait for one have one schema. */
function disagreements(steps: readonly ReadStep[]): Problem[] {
  const schemas = new Map<string, string>();
  return steps.flatMap(({ pointer, step: { signal } }): Problem[] => {
    if (signal === undefined) return [];
    const schema = JSON.stringify(signal.schema);
    const known = schemas.get(signal.name) ?? schema;
    schemas.set(signal.name, known);
    const message = `Another step waits for "${signal.name}" with another schema.`;
    return known === schema ? [] : [{ pointer: `${pointer}/schema`, reason: 'FIELD_INVALID', message }];
  });
}

function signalsOf(steps: readonly ReadStep[]): ReadonlyMap<string, InputCheck> {
  return new Map(steps.flatMap(({ step: { signal } }) => (signal === undefined ? [] : [[signal.name, signal.check]])));
}

function duplicates(steps: readonly ReadStep[]): Problem[] {
  const seen = new Set<string>();
  return steps.flatMap(({ pointer, step }): Problem[] => {
    if (!seen.has(step.id)) {
      seen.add(step.id);
      return [];
    }
    return [
      {
        pointer: `${pointer}/id`,
        reason: 'STEP_ID_DUPLICATE',
        message: `Another step is called "${step.id}" already.`,
      },
    ];
  });
}
