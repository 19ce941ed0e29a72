import { ContentValidatedSchema } from '@flotilla/contracts/validation';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { insertResult } from '../db/result-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { ValidationResult } from '../domain/validation-result.ts';
import { outcomeWords } from '../messages/result-message.ts';
import type { Judgement } from '../queries/judge-content.ts';

/** What keeping needs from outside. */
export interface KeepVerdict {
  readonly now: () => Date;
  readonly newId: () => string;
}

/** Keeps a verdict and announces it; the text itself stays here. */
export async function keepVerdict(
  { now, newId }: KeepVerdict,
  tx: Tx<Schema>,
  about: { content: string; sourceType: string; sourceId: string },
  { model, overallScore, outcome, ruleResults }: Judgement,
): Promise<ValidationResult> {
  const result: ValidationResult = {
    ...about,
    id: newId(),
    scoringModelId: model.id,
    scoringModelVersion: model.version,
    overallScore,
    outcome,
    ruleResults,
    validatedAt: now(),
  };
  await insertResult(tx, result);
  await appendEvent(tx, {
    schema: ContentValidatedSchema,
    message: {
      id: result.id,
      sourceType: result.sourceType,
      sourceId: result.sourceId,
      scoringModelId: model.id,
      scoringModelVersion: model.version,
      overallScore,
      outcome: outcomeWords.valueOf(outcome),
      failedRules: ruleResults.filter(({ passed }) => !passed).map(({ ruleName }) => ruleName),
    },
    id: result.id,
  });
  return result;
}
