import { checkExpressions, type ExpressionUse } from './check-expressions.ts';
import { checkGraph } from './check-graph.ts';
import { type Definition, outputOf } from './definition.ts';
import type { Edge, Graph } from './graph.ts';
import { readInputSchema } from './input-schema.ts';
import { type JsonObject, type JsonValue, pointerPart, sizeOf } from './json.ts';
import type { Problem, ProblemReason } from './problem.ts';
import { type Complaints, type ReadStep, readStep } from './read-step.ts';
import { createShapeCheck, MAX_DEFINITION_BYTES } from './shape.ts';
import type { StepKind } from './step-kind.ts';
import { type Compiler, compileTemplate } from './template.ts';

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
  readonly timeoutMs?: number;
  readonly driver?: 'temporal';
}

function readShaped(json: ShapedDefinition, kinds: ReadonlyMap<string, StepKind>): ReadDefinition {
  const problems: Problem[] = [];
  const complaints: Complaints = {
    add: (problem) => void problems.push(problem),
    refused: (pointer, error) =>
      void problems.push({ pointer, reason: error.reason as ProblemReason, message: error.message }),
  };
  const steps = json.steps.map((fields, index) => {
    const kind = kinds.get(String(fields['kind']));
    if (kind === undefined) throw new Error('The shape check lets known kinds through only.');
    return readStep(kind, fields, `/steps/${index}`, complaints);
  });
  const uses: ExpressionUse[] = steps.flatMap(({ expressions }) => expressions);
  const compiler: Compiler = {
    undo: false,
    used: (pointer, references) => void uses.push({ pointer, stepId: undefined, references }),
    refused: complaints.refused,
  };
  const output = Object.entries(json.output ?? {}).map(
    ([name, value]) => [name, compileTemplate(`/output/${pointerPart(name)}`, value, 'any', compiler)] as const,
  );
  const inputSchema = json.input?.schema;
  const input = readInputSchema(inputSchema, '/input/schema');
  problems.push(...input.problems);
  problems.push(...duplicates(steps));
  const graph = graphOf(steps);
  problems.push(...checkGraph(graph, steps), ...checkExpressions(graph, uses, inputSchema));
  const definition: Definition = {
    start: graph.start,
    steps: new Map(steps.map(({ step }) => [step.id, step])),
    timeoutMs: json.timeoutMs,
    driver: json.driver,
    checkInput: input.check,
    output: outputOf(output),
  };
  return { problems, definition };
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

function graphOf(steps: readonly ReadStep[]): Graph {
  const known = new Set(steps.map(({ step }) => step.id));
  const edges = (of: (step: ReadStep) => readonly Edge[]): Map<string, readonly Edge[]> =>
    new Map(steps.map((step) => [step.step.id, of(step).filter((edge) => known.has(edge.to))]));
  return {
    start: steps[0]?.step.id ?? '',
    nodes: [...known],
    next: edges(({ exits }) => exits),
    reasks: edges(({ reasks }) => reasks),
  };
}
