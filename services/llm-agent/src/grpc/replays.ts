import type { ReplayService } from '@flotilla/contracts/agent';
import type { ServiceImplementation } from '@flotilla/grpc';
import type { Database } from '@flotilla/postgres';
import { replayExecution } from '../commands/replay-execution.ts';
import type { ExecutionStart } from '../commands/start-execution.ts';
import type { Schema } from '../db/schema.ts';
import type { Executor } from '../execution/executor.ts';
import { toParameters } from '../messages/agent-message.ts';
import { toComparisonMessage } from '../messages/comparison-message.ts';
import { toExecutionMessage } from '../messages/execution-message.ts';
import { compareExecutions } from '../queries/compare-executions.ts';

export function replays(
  db: Database<Schema>,
  start: ExecutionStart,
  executor: Executor,
): ServiceImplementation<typeof ReplayService> {
  return {
    replayExecution: async (request, call) => {
      const { executionId, parameters } = request;
      const wish = { ...request, parameters: parameters && toParameters(parameters) };
      const begun = await executor.begin(call, (tx) => replayExecution(start, tx, wish));
      const replay = await executor.wait(call, begun);
      const comparison = await db.read(call, (tx) => compareExecutions(tx, executionId, replay.id));
      return { replay: toExecutionMessage(replay), comparison: toComparisonMessage(comparison) };
    },

    compareExecutions: ({ executionId, withExecutionId }, call) =>
      db.read(call, async (tx) => toComparisonMessage(await compareExecutions(tx, executionId, withExecutionId))),
  };
}
