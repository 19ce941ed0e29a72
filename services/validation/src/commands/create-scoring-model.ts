import { ScoringModelCreatedSchema } from '@flotilla/contracts/validation';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { holdRules } from '../db/rule-repository.ts';
import type { Schema } from '../db/schema.ts';
import { insertScoringModel } from '../db/scoring-model-repository.ts';
import { checkRulesExist, newScoringModel, type ScoringModel, type WeightedRule } from '../domain/scoring-model.ts';
import { toScoringModelMessage } from '../messages/scoring-model-message.ts';

export async function createScoringModel(
  id: string,
  tx: Tx<Schema>,
  wish: {
    name: string;
    rules: readonly WeightedRule[];
    passThreshold: number | undefined;
    warningThreshold: number | undefined;
  },
): Promise<ScoringModel> {
  const wanted = newScoringModel(wish, id);
  checkRulesExist(
    wanted,
    await holdRules(
      tx,
      wanted.rules.map(({ ruleId }) => ruleId),
    ),
  );
  const model = await insertScoringModel(tx, wanted);
  const message = { scoringModel: toScoringModelMessage(model) };
  await appendEvent(tx, { schema: ScoringModelCreatedSchema, message, id: model.id });
  return model;
}
