import { ScoringModelDeletedSchema } from '@flotilla/contracts/validation';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { lockScoringModel, markScoringModelDeleted } from '../db/scoring-model-repository.ts';
import { scoringModelNotFound } from '../domain/scoring-model.ts';
import { toScoringModelMessage } from '../messages/scoring-model-message.ts';

export async function deleteScoringModel(now: Date, tx: Tx<Schema>, wish: { id: string; etag: string }): Promise<void> {
  const model = await lockScoringModel(tx, wish.id);
  if (model === undefined) throw scoringModelNotFound();
  checkRevision(model, wish.etag);
  await markScoringModelDeleted(tx, model, now);
  const message = { scoringModel: toScoringModelMessage(model) };
  await appendEvent(tx, { schema: ScoringModelDeletedSchema, message, id: model.id });
}
