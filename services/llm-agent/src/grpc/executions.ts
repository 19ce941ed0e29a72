import type { ExecutionService } from '@flotilla/contracts/agent';
import type { ServiceImplementation } from '@flotilla/grpc';
import { type Database, pageSizeOf, pageToken } from '@flotilla/postgres';
import { listAttempts } from '../db/attempt-repository.ts';
import { findExecution } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { executionNotFound } from '../domain/not-found.ts';
import type { Executor } from '../execution/executor.ts';
import {
  toAttemptMessage,
  toExecutionFilter,
  toExecutionMessage,
  toFollowedUpdate,
} from '../messages/execution-message.ts';
import { getInputFile } from '../queries/get-input-file.ts';
import { listExecutions } from '../queries/list-executions.ts';

export function executions(db: Database<Schema>, executor: Executor): ServiceImplementation<typeof ExecutionService> {
  return {
    executeAgent: async (request, call) => toExecutionMessage(await executor.execute(call, request)),

    async *streamAgent(request, call) {
      for await (const news of executor.stream(call, request)) yield toFollowedUpdate(news);
    },

    async *watchExecution(request, call) {
      for await (const news of executor.follow(call, { id: request.id, after: Number(request.after) })) {
        yield toFollowedUpdate(news);
      }
    },

    getExecution: (request, call) =>
      db.read(call, async (tx) => {
        const execution = await findExecution(tx, request.id);
        if (execution === undefined) throw executionNotFound();
        return toExecutionMessage(execution);
      }),

    listExecutions: (request, call) =>
      db.read(call, async (tx) => {
        const filter = toExecutionFilter(request);
        const page = { cursor: pageToken.decode(request.pageToken), size: pageSizeOf(request.pageSize) };
        const { executions, nextPageToken } = await listExecutions(tx, filter, page);
        return { executions: executions.map(toExecutionMessage), nextPageToken };
      }),

    getInputFile: (request, call) => db.read(call, (tx) => getInputFile(tx, request)),

    cancelExecution: async (request, call) => toExecutionMessage(await executor.cancel(call, request.id)),

    listProviderAttempts: (request, call) =>
      db.read(call, async (tx) => {
        if ((await findExecution(tx, request.executionId)) === undefined) throw executionNotFound();
        return { attempts: (await listAttempts(tx, request.executionId)).map(toAttemptMessage) };
      }),
  };
}
