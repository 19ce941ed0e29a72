import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { enumWords } from '@flotilla/contracts';
import { ValidationOutcome, type ValidationResultSchema } from '@flotilla/contracts/validation';
import type { ValidationResult } from '../domain/validation-result.ts';
import { outcomes } from '../domain/verdict.ts';

export const outcomeWords = enumWords(ValidationOutcome, outcomes);

export function toResultMessage(result: ValidationResult): MessageInitShape<typeof ValidationResultSchema> {
  return {
    id: result.id,
    sourceType: result.sourceType,
    sourceId: result.sourceId,
    scoringModelId: result.scoringModelId,
    scoringModelVersion: result.scoringModelVersion,
    content: result.content,
    overallScore: result.overallScore,
    outcome: outcomeWords.valueOf(result.outcome),
    ruleResults: result.ruleResults.map((each) => ({ ...each })),
    validateTime: timestampFromDate(result.validatedAt),
  };
}
