import { toJson } from '@bufbuild/protobuf';
import { type Value, ValueSchema } from '@bufbuild/protobuf/wkt';
import type { ValidationService } from '@flotilla/contracts/validation';
import { AppError } from '@flotilla/errors';
import type { JsonValue } from '@flotilla/expressions';
import type { ServiceImplementation } from '@flotilla/grpc';
import { type Database, pageSizeOf, pageToken, toPage } from '@flotilla/postgres';
import { type KeepVerdict, keepVerdict } from '../commands/keep-verdict.ts';
import { findResult, listResults } from '../db/result-repository.ts';
import type { Schema } from '../db/schema.ts';
import { outcomeWords, toResultMessage } from '../messages/result-message.ts';
import { judgeContent } from '../queries/judge-content.ts';

export function validations(
  db: Database<Schema>,
  keeping: KeepVerdict,
): ServiceImplementation<typeof ValidationService> {
  return {
    validateContent: async (request, call) => {
      const { content, sourceType, sourceId } = request;
      const subject = { content, output: toJsonValue(request.output), context: request.context ?? {} };
      // A failure waits for the transaction: a repeated call answers its first reply, whatever became of the model.
      const judged = await Promise.allSettled([judgeContent(db, call, request.scoringModelId, subject)]);
      return db.write(call, async (tx) => {
        if (judged[0].status === 'rejected') throw judged[0].reason;
        return toResultMessage(await keepVerdict(keeping, tx, { content, sourceType, sourceId }, judged[0].value));
      });
    },
    getValidationResult: (request, call) =>
      db.read(call, async (tx) => {
        const result = await findResult(tx, request.id);
        if (result === undefined) {
          throw new AppError('not_found', 'VALIDATION_RESULT_NOT_FOUND', 'There is no such validation result.');
        }
        return toResultMessage(result);
      }),
    listValidationResults: (request, call) => {
      const size = pageSizeOf(request.pageSize);
      const { sourceType, sourceId } = request;
      const filter = { sourceType, sourceId, outcome: outcomeWords.wordOf(request.outcome) };
      const page = { cursor: pageToken.decode(request.pageToken), limit: size + 1 };
      return db.read(call, async (tx) => {
        const { rows, nextPageToken } = toPage(await listResults(tx, filter, page), size);
        return { validationResults: rows.map(toResultMessage), nextPageToken };
      });
    },
  };
}

function toJsonValue(value: Value | undefined): JsonValue {
  return value === undefined || value.kind.case === undefined ? null : toJson(ValueSchema, value);
}
