import type { AppError } from '@flotilla/errors';
import type { ExpressionUse } from './check-expressions.ts';
import type { Edge } from './graph.ts';
import type { JsonObject } from './json.ts';
import type { Problem } from './problem.ts';
import { END, FAIL, type Step, type StepKind, type StepReader } from './step-kind.ts';
import { type Compiler, compileCondition, compileTemplate } from './template.ts';

/** A step and what was learnt about it while it was read. */
export interface ReadStep {
  readonly pointer: string;
  readonly step: Step;
  readonly role: StepKind['role'];
  readonly exits: readonly Edge[];
  readonly reasks: readonly Edge[];
  readonly expressions: readonly ExpressionUse[];
}

/** Told about everything that is wrong. */
export interface Complaints {
  add(problem: Problem): void;
  refused(pointer: string, error: AppError): void;
}

const defaultRetry = { maxAttempts: 3, initialIntervalMs: 500, maxIntervalMs: 30_000 };
const defaultTimeoutMs = 60_000;

/** Reads one step whose shape has been checked. */
export function readStep(kind: StepKind, fields: JsonObject, pointer: string, complaints: Complaints): ReadStep {
  const exits: Edge[] = [];
  const reasks: Edge[] = [];
  const expressions: ExpressionUse[] = [];
  const stepId = String(fields['id']);
  const next = typeof fields['next'] === 'string' ? fields['next'] : END;
  const compiler = (undo: boolean): Compiler => ({
    undo,
    used: (at, references) => void expressions.push({ pointer: at, stepId, references }),
    refused: complaints.refused,
  });
  const reader: StepReader = {
    next,
    template: (at, value, { result = 'any', undo = false } = {}) =>
      compileTemplate(pointer + at, value, result, compiler(undo)),
    condition: (at, text) => compileCondition(pointer + at, text, compiler(false)),
    exit: (at, to) => {
      if (to !== END && to !== FAIL) exits.push({ to, pointer: pointer + at });
    },
    reask: (at, to) => void reasks.push({ to, pointer: pointer + at }),
    problem: (at, reason, message) => complaints.add({ pointer: pointer + at, reason, message }),
  };
  const { planUndo, ...plan } = kind.read(fields, reader);
  if (kind.fields['next'] !== false) reader.exit('/next', next);
  const irreversible = fields['irreversible'] === true;
  if (kind.effect && !irreversible && planUndo === undefined) {
    const message = `A ${kind.kind} step is an effect: it needs an "undo", or "irreversible": true behind a passed validation.`;
    complaints.add({ pointer, reason: 'EFFECT_WITHOUT_UNDO', message });
  }
  if (irreversible && fields['undo'] !== undefined) {
    reader.problem('/irreversible', 'IRREVERSIBLE_WITH_UNDO', 'A step that has an undo is not irreversible.');
  }
  const step: Step = {
    ...plan,
    ...(planUndo === undefined || irreversible ? {} : { planUndo }),
    id: stepId,
    kind: kind.kind,
    effect: kind.effect,
    irreversible,
    takesLong: kind.takesLong === true,
    next,
    retry: { ...defaultRetry, ...(fields['retry'] as Partial<typeof defaultRetry> | undefined) },
    timeoutMs: typeof fields['timeoutMs'] === 'number' ? fields['timeoutMs'] : defaultTimeoutMs,
  };
  return { pointer, step, role: kind.role, exits, reasks, expressions };
}
