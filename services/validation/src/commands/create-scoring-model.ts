import { ScoringModelCreatedSchema } from '@flotilla/contracts/validation';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { holdRules } from '../db/rule-repository.ts';
import type { Schema } from '../db/schema.ts';
import { insertScoringModel } from '../db/scoring-model-repository.ts';
import { checkRulesExist, newScoringModel, type ScoringModel, type WeightedRule } from '../domain/scoring-model.ts';
import { toScoringModelMessage } from '../messages/scoring-model-message.ts';

/** What creating needs from outside. */
export interface CreateScoringModel {
  readonly now: () => Date;
  readonly newId: () => string;
}

export async function createScoringModel(
  { now, newId }: CreateScoringModel,
  tx: Tx<Schema>,
  wish: {
    name: string;
    rules: readonly WeightedRule[];
    passThreshold: number | undefined;
    warningThreshold: number | undefined;
  },
): Promise<ScoringModel> {
  const model = newScoringModel(wish, { id: newId(), now: now() });
  checkRulesExist(
    model,
    await holdRules(
      tx,
      model.rules.map(({ ruleId }) => ruleId),
    ),
  );
  await insertScoringModel(tx, model);
  const message = { scoringModel: toScoringModelMessage(model) };
  await appendEvent(tx, { schema: ScoringModelCreatedSchema, message, id: model.id });
  return model;
}
