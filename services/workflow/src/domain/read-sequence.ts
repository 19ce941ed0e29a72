import type { AppError } from '@flotilla/errors';
import type { ExpressionUse } from './check-expressions.ts';
import type { Edge, Graph } from './graph.ts';
import type { JsonObject, JsonValue } from './json.ts';
import type { Problem } from './problem.ts';
import { type ReadStep, readStep } from './read-step.ts';
import type { StepKind } from './step-kind.ts';
import { type Compiler, compileTemplate, type Template } from './template.ts';

/** Steps that stand beside each other: those of the definition, of a branch, of a map. */
export interface ReadSequence {
  readonly pointer: string;
  readonly steps: readonly ReadStep[];
  readonly graph: Graph;
  readonly output: Template | undefined;
  /** Expressions of no step: those of the output. */
  readonly uses: readonly ExpressionUse[];
}

/** Told about everything that is wrong. */
export interface Complaints {
  add(problem: Problem): void;
  refused(pointer: string, error: AppError): void;
}

export interface Reading {
  readonly kinds: ReadonlyMap<string, StepKind>;
  readonly complaints: Complaints;
}

/** Reads steps whose shape has been checked, and those inside of them. */
export function readSequence(
  reading: Reading,
  pointer: string,
  steps: readonly JsonObject[],
  inside: { readonly variables: readonly string[]; readonly output?: readonly [pointer: string, value: JsonValue] },
): ReadSequence {
  const read = steps.map((fields, index) => {
    const kind = reading.kinds.get(String(fields['kind']));
    if (kind === undefined) throw new Error('The shape check lets known kinds through only.');
    return readStep(reading, kind, fields, `${pointer}/${index}`, inside.variables);
  });
  const uses: ExpressionUse[] = [];
  const compiler: Compiler = {
    undo: false,
    variables: inside.variables,
    used: (at, references) => void uses.push({ pointer: at, stepId: undefined, references }),
    refused: reading.complaints.refused,
  };
  const output = inside.output && compileTemplate(inside.output[0], inside.output[1], 'any', compiler);
  return { pointer, steps: read, graph: graphOf(read), output, uses };
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

/** A sequence and all that stand inside of its steps, the outer before the inner, each with the step that it stands in. */
export function* sequencesOf(
  sequence: ReadSequence,
  around: readonly Around[] = [],
): Iterable<{ readonly sequence: ReadSequence; readonly around: readonly Around[] }> {
  yield { sequence, around };
  for (const { step, sequences } of sequence.steps) {
    for (const inner of sequences) yield* sequencesOf(inner, [{ sequence, stepId: step.id }, ...around]);
  }
}

/** Where a sequence stands: in a step of another. */
export interface Around {
  readonly sequence: ReadSequence;
  readonly stepId: string;
}
