import type { AgentReference } from './agent-reference.ts';
import type { ExpressionUse } from './check-expressions.ts';
import type { Edge } from './graph.ts';
import type { JsonObject } from './json.ts';
import { type Reading, type ReadSequence, readSequence } from './read-sequence.ts';
import { END, FAIL, type OnError, type RetryPolicy, type Step, type StepKind, type StepReader } from './step-kind.ts';
import { type Compiler, compileCondition, compileLaterCondition, compileTemplate } from './template.ts';

/** A step and what was learnt about it while it was read. */
export interface ReadStep {
  readonly pointer: string;
  readonly step: Step;
  readonly role: StepKind['role'];
  readonly exits: readonly Edge[];
  /** Whether the sequence may end after the step has gone well. */
  readonly ends: boolean;
  readonly reasks: readonly Edge[];
  readonly expressions: readonly ExpressionUse[];
  /** Of a block. */
  readonly sequences: readonly ReadSequence[];
  readonly savepoint: string | undefined;
  readonly agents: readonly AgentReference[];
}

const defaultRetry: RetryPolicy = { maxAttempts: 3, initialIntervalMs: 500, maxIntervalMs: 30_000 };
const defaultTimeoutMs = 60_000;

/** Reads one step whose shape has been checked. */
export function readStep(
  reading: Reading,
  kind: StepKind,
  fields: JsonObject,
  pointer: string,
  variables: readonly string[],
): ReadStep {
  const { complaints } = reading;
  const exits: Edge[] = [];
  const reasks: Edge[] = [];
  const expressions: ExpressionUse[] = [];
  const sequences: ReadSequence[] = [];
  const agents: AgentReference[] = [];
  let ends = false;
  const nested = new Map((kind.nested?.(fields) ?? []).map((inner) => [inner.pointer, inner.steps]));
  const stepId = String(fields['id']);
  const next = typeof fields['next'] === 'string' ? fields['next'] : END;
  const compiler = (undo: boolean): Compiler => ({
    undo,
    variables,
    used: (at, references) => void expressions.push({ pointer: at, stepId, references }),
    refused: complaints.refused,
  });
  const reader: StepReader = {
    next,
    template: (at, value, { result = 'any', undo = false } = {}) =>
      compileTemplate(pointer + at, value, result, compiler(undo)),
    condition: (at, text) => compileCondition(pointer + at, text, compiler(false)),
    laterCondition: (at, text) => compileLaterCondition(pointer + at, text, compiler(false)),
    exit(at, to) {
      ends ||= to === END;
      if (to !== END && to !== FAIL) exits.push({ to, pointer: pointer + at });
    },
    reask: (at, to) => void reasks.push({ to, pointer: pointer + at }),
    sequence(at, { variables: given = [], output } = {}) {
      const read = readSequence(reading, pointer + at, nested.get(at) ?? [], {
        variables: [...variables, ...given],
        ...(output === undefined ? {} : { output: [pointer + output[0], output[1]] }),
      });
      sequences.push(read);
      return { start: read.graph.start, output: read.output };
    },
    agent: (at, reference) => void agents.push({ ...reference, pointer: pointer + at, stepId }),
    problem: (at, reason, message) => complaints.add({ pointer: pointer + at, reason, message }),
  };
  const { planUndo, ...plan } = kind.read(fields, reader);
  if (kind.fields['next'] !== false) reader.exit('/next', next);
  const onError = fields['onError'] as OnError | undefined;
  const endsWell = ends;
  if (onError !== undefined) reader.exit('/onError/next', onError.next);
  const written = fields['context'] as JsonObject | undefined;
  const context =
    written &&
    compileTemplate(`${pointer}/context`, written, 'any', {
      ...compiler(false),
      used: (at, references) => void expressions.push({ pointer: at, stepId, references, when: 'after' }),
    });
  const irreversible = fields['irreversible'] === true;
  if (irreversible && fields['undo'] !== undefined) {
    reader.problem('/irreversible', 'IRREVERSIBLE_WITH_UNDO', 'A step that has an undo is not irreversible.');
  }
  const step: Step = {
    ...plan,
    // Changed after it was approved or checked, it would be something else.
    ...(irreversible ? { editable: {} } : {}),
    ...(planUndo === undefined || irreversible ? {} : { planUndo }),
    id: stepId,
    pointer,
    leadsTo: [...[...exits, ...reasks].map(({ to }) => to), ...sequences.map(({ graph }) => graph.start)],
    kind: kind.kind,
    effect: kind.effect,
    irreversible,
    takesLong: kind.takesLong === true,
    next,
    onError,
    context,
    writes: Object.keys(written ?? {}),
    retry: { ...defaultRetry, ...(fields['retry'] as Partial<RetryPolicy> | undefined) },
    timeoutMs: typeof fields['timeoutMs'] === 'number' ? fields['timeoutMs'] : defaultTimeoutMs,
  };
  const savepoint = typeof fields['savepoint'] === 'string' ? fields['savepoint'] : undefined;
  return { pointer, step, role: kind.role, exits, ends: endsWell, reasks, expressions, sequences, savepoint, agents };
}
