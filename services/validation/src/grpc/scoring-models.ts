import type { ScoringModelService } from '@flotilla/contracts/validation';
import type { ServiceImplementation } from '@flotilla/grpc';
import { type Database, pageSizeOf, pageToken, toPage } from '@flotilla/postgres';
import { createScoringModel } from '../commands/create-scoring-model.ts';
import { deleteScoringModel } from '../commands/delete-scoring-model.ts';
import { updateScoringModel } from '../commands/update-scoring-model.ts';
import type { Schema } from '../db/schema.ts';
import { findScoringModel, listScoringModels } from '../db/scoring-model-repository.ts';
import { scoringModelNotFound } from '../domain/scoring-model.ts';
import { modelStatusWords, toScoringModelMessage } from '../messages/scoring-model-message.ts';
import type { Making } from './rules.ts';

export function scoringModels(db: Database<Schema>, making: Making): ServiceImplementation<typeof ScoringModelService> {
  return {
    getScoringModel: (request, call) =>
      db.read(call, async (tx) => {
        const model = await findScoringModel(tx, request.id);
        if (model === undefined) throw scoringModelNotFound();
        return toScoringModelMessage(model);
      }),
    listScoringModels: (request, call) => {
      const size = pageSizeOf(request.pageSize);
      const filter = { status: modelStatusWords.wordOf(request.status) };
      const page = { cursor: pageToken.decode(request.pageToken), limit: size + 1 };
      return db.read(call, async (tx) => {
        const { rows, nextPageToken } = toPage(await listScoringModels(tx, filter, page), size);
        return { scoringModels: rows.map(toScoringModelMessage), nextPageToken };
      });
    },
    createScoringModel: (request, call) => {
      const { name, passThreshold, warningThreshold } = request;
      const wish = { name, rules: request.rules.map(toWeightedRule), passThreshold, warningThreshold };
      return db.write(call, async (tx) => toScoringModelMessage(await createScoringModel(making.newId(), tx, wish)));
    },
    updateScoringModel: (request, call) => {
      const { id, etag, name, passThreshold, warningThreshold } = request;
      const rules = request.rules.length === 0 ? undefined : request.rules.map(toWeightedRule);
      const status = modelStatusWords.wordOf(request.status ?? 0);
      const wish = { id, etag, name, rules, passThreshold, warningThreshold, status };
      return db.write(call, async (tx) => toScoringModelMessage(await updateScoringModel(tx, wish)));
    },
    deleteScoringModel: (request, call) =>
      db.write(call, async (tx) => {
        await deleteScoringModel(making.now(), tx, request);
        return {};
      }),
  };
}

function toWeightedRule({ ruleId, weight }: { ruleId: string; weight?: number | undefined }) {
  return { ruleId: ruleId.toLowerCase(), weight };
}
