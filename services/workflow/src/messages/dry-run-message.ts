import { fromJson, type MessageInitShape } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import {
  type DryRunAssumption,
  DryRunBasis,
  DryRunOutcome,
  DryRunStepStatus,
  type DryRunWorkflowResponseSchema,
} from '@flotilla/contracts/workflow';
import type { Assumption, Basis } from '../domain/dry-run/dry-run.ts';
import type { DryRunReport, StepReport } from '../domain/dry-run/report.ts';
import type { JsonObject, JsonValue } from '../domain/json.ts';
import type { Problem } from '../domain/problem.ts';

const outcomes: Record<DryRunReport['outcome'], DryRunOutcome> = {
  completed: DryRunOutcome.COMPLETED,
  failed: DryRunOutcome.FAILED,
  undecided: DryRunOutcome.UNDECIDED,
  truncated: DryRunOutcome.TRUNCATED,
};

const statuses: Record<StepReport['status'], DryRunStepStatus> = {
  completed: DryRunStepStatus.COMPLETED,
  failed: DryRunStepStatus.FAILED,
  undecided: DryRunStepStatus.UNDECIDED,
};

const bases: Record<Basis, DryRunBasis> = {
  evaluated: DryRunBasis.EVALUATED,
  assumed: DryRunBasis.ASSUMED,
  unknown: DryRunBasis.UNKNOWN,
};

export function fromAssumption({ step, visit, facts, errorReason }: DryRunAssumption): Assumption {
  if (facts !== undefined) return { step, visit, outcome: { facts: facts as JsonObject } };
  return { step, visit, outcome: { failed: { reason: errorReason, message: 'The step is assumed to fail.' } } };
}

export function toDryRunMessage({
  problems,
  report,
}: {
  readonly problems: readonly Problem[];
  readonly report: DryRunReport | undefined;
}): MessageInitShape<typeof DryRunWorkflowResponseSchema> {
  if (report === undefined) return { outcome: DryRunOutcome.IMPOSSIBLE, problems: [...problems] };
  const { steps, undos, output, error } = report;
  return {
    outcome: outcomes[report.outcome],
    steps: steps.map(toStep),
    undecidedSteps: [...report.undecidedSteps],
    stepsNotReached: [...report.stepsNotReached],
    ...(output === undefined ? {} : { output: toValue(output) }),
    errorReason: error?.reason ?? '',
    errorMessage: error?.message ?? '',
    errorStep: error?.path ?? '',
    undos: undos.map(({ input, ...undo }) => ({ ...undo, input: toValue(input) })),
    problems: [...problems, ...report.problems],
  };
}

function toStep(step: StepReport) {
  const { input, output, undo, expressions, unknownInput, unknownOutput, alternatives, ...same } = step;
  return {
    ...same,
    status: statuses[step.status],
    basis: step.status === 'undecided' ? DryRunBasis.UNSPECIFIED : bases[step.basis],
    input: toValue(input),
    ...(output === undefined ? {} : { output: toValue(output) }),
    ...(undo === undefined ? {} : { undo: toValue(undo) }),
    unknownInput: [...unknownInput],
    unknownOutput: [...unknownOutput],
    alternatives: [...alternatives],
    expressions: expressions.map(({ pointer, text, value }) => ({
      ...{ pointer, text },
      ...(value === undefined ? {} : { value: toValue(value) }),
    })),
  };
}

function toValue(value: JsonValue) {
  return fromJson(ValueSchema, value);
}
