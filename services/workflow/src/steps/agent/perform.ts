import { toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { type AgentService, type Execution, type ExecutionService, ExecutionStatus } from '@flotilla/contracts/agent';
import { AppError } from '@flotilla/errors';
import type { GrpcClient } from '@flotilla/grpc';
import type { JsonObject } from '../../domain/json.ts';
import type { Attempt, Performer } from '../performer.ts';
import type { AgentRequest } from './step.ts';

/** Executions that died with their process, before the step is given up: the agent may be what kills it. */
const MAX_LOST_EXECUTIONS = 5;

/** How an execution ends whose process died or was shut down: nobody refused anything, so it is asked for again. */
const lostReasons: ReadonlySet<string> = new Set(['EXECUTION_LOST', 'EXECUTION_INTERRUPTED']);

/**
 * Runs agents at llm-agent. The effect key makes a repeated attempt one execution. llm-agent keeps the end of an execution
 * under its key for ever, so after one that was lost the next key is asked: whoever repeats the attempt goes the same way and
 * finds the same executions.
 */
export function createAgentPerformer(
  agents: GrpcClient<typeof AgentService>,
  executions: GrpcClient<typeof ExecutionService>,
): Performer {
  return {
    async perform(attempt) {
      const { agentId, agentSlug, agentVersion, prompt } = attempt.request as AgentRequest;
      const { token, signal, timeoutMs: deadlineMs, effectKey } = attempt;
      const lostExecutionIds: string[] = [];
      const wish = { agentId: agentId ?? (await findBySlug(agents, agentSlug ?? '', attempt)), agentVersion, prompt };
      for (;;) {
        const idempotencyKey =
          lostExecutionIds.length === 0 ? effectKey : `${effectKey}~${lostExecutionIds.length + 1}`;
        const execution = await executions.executeAgent(wish, { token, signal, deadlineMs, idempotencyKey });
        if (!lostReasons.has(execution.errorReason) || lostExecutionIds.length === MAX_LOST_EXECUTIONS) {
          return { ...factsOf(execution), ...(lostExecutionIds.length > 0 && { lostExecutionIds }) };
        }
        lostExecutionIds.push(execution.id);
      }
    },
  };
}

async function findBySlug(
  agents: GrpcClient<typeof AgentService>,
  slug: string,
  { token, signal }: Attempt,
): Promise<string> {
  const [agent] = (await agents.listAgents({ slug, pageSize: 1 }, { token, signal })).agents;
  if (agent === undefined) throw new AppError('failed_precondition', 'AGENT_NOT_FOUND', `There is no agent "${slug}".`);
  return agent.id;
}

function factsOf(execution: Execution): JsonObject {
  if (execution.status === ExecutionStatus.PENDING || execution.status === ExecutionStatus.RUNNING) {
    throw new AppError('unavailable', 'EXECUTION_UNFINISHED', 'The execution is still under way.');
  }
  if (execution.status !== ExecutionStatus.COMPLETED) {
    const reason = execution.errorReason === '' ? 'EXECUTION_FAILED' : execution.errorReason;
    const code = execution.status === ExecutionStatus.BUDGET_EXCEEDED ? 'budget_exceeded' : 'failed_precondition';
    throw new AppError(code, reason, execution.errorMessage || 'The agent did not answer.');
  }
  return {
    output: execution.output === undefined ? execution.response : (toJson(ValueSchema, execution.output) as JsonObject),
    text: execution.response,
    executionId: execution.id,
    agentVersion: execution.agentVersion,
    totalTokens: execution.totalTokens,
  };
}
