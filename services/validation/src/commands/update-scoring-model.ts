import { ScoringModelUpdatedSchema } from '@flotilla/contracts/validation';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import { holdRules } from '../db/rule-repository.ts';
import type { Schema } from '../db/schema.ts';
import { lockScoringModel, updateScoringModel as saveScoringModel } from '../db/scoring-model-repository.ts';
import {
  changeScoringModel,
  checkRulesExist,
  type ScoringModel,
  type ScoringModelChange,
  scoringModelNotFound,
} from '../domain/scoring-model.ts';
import { toScoringModelMessage } from '../messages/scoring-model-message.ts';

export async function updateScoringModel(
  tx: Tx<Schema>,
  { id, etag, ...change }: ScoringModelChange & { id: string; etag: string },
): Promise<ScoringModel> {
  const model = await lockScoringModel(tx, id);
  if (model === undefined) throw scoringModelNotFound();
  checkRevision(model, etag);
  const changed = changeScoringModel(model, change);
  // Rules of an inactive model may have been deleted: it cannot be activated again without them.
  if (change.rules !== undefined || changed.status === 'active') {
    checkRulesExist(
      changed,
      await holdRules(
        tx,
        changed.rules.map(({ ruleId }) => ruleId),
      ),
    );
  }
  const saved = await saveScoringModel(tx, changed);
  const message = { scoringModel: toScoringModelMessage(saved) };
  await appendEvent(tx, { schema: ScoringModelUpdatedSchema, message, id });
  return saved;
}
