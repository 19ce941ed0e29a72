import type { ExecutionService } from '@flotilla/contracts/agent';
import type { ServiceImplementation } from '@flotilla/grpc';
import { type Database, pageSizeOf, pageToken } from '@flotilla/postgres';
import { listAttempts } from '../db/attempt-repository.ts';
import { findExecution } from '../db/execution-repository.ts';
import type { Schema } from '../db/schema.ts';
import { executionNotFound } from '../domain/not-found.ts';
import type { Executor } from '../execution/executor.ts';
import type { TakeInput } from '../execution/take-input.ts';
import {
  toAttemptMessage,
  toExecutionMessage,
  toExecutionStatus,
  toFollowedUpdate,
} from '../messages/execution-message.ts';
import { listExecutions } from '../queries/list-executions.ts';

export function executions(
  db: Database<Schema>,
  executor: Executor,
  takeInput: TakeInput,
): ServiceImplementation<typeof ExecutionService> {
  return {
    executeAgent: async (request, call) => {
      const input = await takeInput(request.parts, call.signal);
      return toExecutionMessage(await executor.execute(call, { ...request, input }));
    },

    async *streamAgent(request, call) {
      const input = await takeInput(request.parts, call.signal);
      for await (const news of executor.stream(call, { ...request, input })) yield toFollowedUpdate(news);
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
        const { agentId, conversationId, replayOfId } = request;
        const filter = { agentId, conversationId, replayOfId, status: toExecutionStatus(request.status) };
        const page = { cursor: pageToken.decode(request.pageToken), size: pageSizeOf(request.pageSize) };
        const { executions, nextPageToken } = await listExecutions(tx, filter, page);
        return { executions: executions.map(toExecutionMessage), nextPageToken };
      }),

    cancelExecution: async (request, call) => toExecutionMessage(await executor.cancel(call, request.id)),

    listProviderAttempts: (request, call) =>
      db.read(call, async (tx) => {
        if ((await findExecution(tx, request.executionId)) === undefined) throw executionNotFound();
        return { attempts: (await listAttempts(tx, request.executionId)).map(toAttemptMessage) };
      }),
  };
}
