import { toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { type AgentService, type Execution, type ExecutionService, ExecutionStatus } from '@flotilla/contracts/agent';
import { AppError } from '@flotilla/errors';
import type { GrpcClient } from '@flotilla/grpc';
import type { JsonObject } from '../../domain/json.ts';
import type { Attempt, Performer } from '../performer.ts';
import type { AgentRequest } from './step.ts';

/** Runs agents at llm-agent. The effect key makes a repeated attempt one execution. */
export function createAgentPerformer(
  agents: GrpcClient<typeof AgentService>,
  executions: GrpcClient<typeof ExecutionService>,
): Performer {
  return {
    async perform(attempt) {
      const { agentId, agentSlug, agentVersion, prompt } = attempt.request as AgentRequest;
      const { token, signal, timeoutMs: deadlineMs, effectKey: idempotencyKey } = attempt;
      const execution = await executions.executeAgent(
        { agentId: agentId ?? (await findBySlug(agents, agentSlug ?? '', attempt)), agentVersion, prompt },
        { token, signal, deadlineMs, idempotencyKey },
      );
      return factsOf(execution);
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
    throw new AppError('failed_precondition', reason, execution.errorMessage || 'The agent did not answer.');
  }
  return {
    output: execution.output === undefined ? execution.response : (toJson(ValueSchema, execution.output) as JsonObject),
    text: execution.response,
    executionId: execution.id,
    agentVersion: execution.agentVersion,
    totalTokens: execution.totalTokens,
  };
}
