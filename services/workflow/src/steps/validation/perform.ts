import { fromJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { ValidationOutcome, type ValidationResult, type ValidationService } from '@flotilla/contracts/validation';
import { AppError } from '@flotilla/errors';
import type { GrpcClient } from '@flotilla/grpc';
import type { JsonObject } from '../../domain/json.ts';
import type { Performer } from '../performer.ts';
import type { ValidationRequest, Verdict } from './step.ts';

const outcomes: Partial<Record<ValidationOutcome, Verdict['outcome']>> = {
  [ValidationOutcome.PASSED]: 'passed',
  [ValidationOutcome.WARNING]: 'warning',
  [ValidationOutcome.FAILED]: 'failed',
};

/** Has texts checked by validation. A bad verdict is an answer; what follows from it is the interpreter's business. */
export function createValidationPerformer(validation: GrpcClient<typeof ValidationService>): Performer {
  return {
    async perform({ request, instanceId, token, signal, timeoutMs: deadlineMs, effectKey: idempotencyKey }) {
      const { scoringModelId, content, output, context } = request as ValidationRequest;
      const result = await validation.validateContent(
        {
          scoringModelId,
          content,
          context,
          ...(output === null ? {} : { output: fromJson(ValueSchema, output) }),
          sourceType: 'workflow_step',
          sourceId: instanceId,
        },
        { token, signal, deadlineMs, idempotencyKey },
      );
      return factsOf(result);
    },
  };
}

function factsOf(result: ValidationResult): JsonObject {
  const outcome = outcomes[result.outcome];
  if (outcome === undefined) throw new AppError('internal', 'VERDICT_UNKNOWN', 'The validation answered no verdict.');
  const failed = result.ruleResults.filter((rule) => !rule.passed);
  const findings = failed.map((rule) => (rule.detail === '' ? rule.ruleName : `${rule.ruleName}: ${rule.detail}`));
  const verdict: Verdict = {
    outcome,
    score: result.overallScore,
    failedRules: failed.map((rule) => rule.ruleName),
    findings,
    resultId: result.id,
  };
  return { output: verdict, findings };
}
