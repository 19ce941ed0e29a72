import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { enumWords } from '@flotilla/contracts';
import { type ScoringModelSchema, ScoringModelStatus } from '@flotilla/contracts/validation';
import { modelStates, type ScoringModel } from '../domain/scoring-model.ts';

export const modelStatusWords = enumWords(ScoringModelStatus, modelStates);

export function toScoringModelMessage(model: ScoringModel): MessageInitShape<typeof ScoringModelSchema> {
  return {
    id: model.id,
    name: model.name,
    rules: model.rules.map(({ ruleId, weight }) => ({ ruleId, ...(weight !== undefined && { weight }) })),
    passThreshold: model.passThreshold,
    warningThreshold: model.warningThreshold,
    version: model.version,
    status: modelStatusWords.valueOf(model.status),
    createTime: timestampFromDate(model.createdAt),
    updateTime: timestampFromDate(model.updatedAt),
    etag: String(model.revision),
  };
}
