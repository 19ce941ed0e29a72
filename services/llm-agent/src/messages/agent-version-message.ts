import { fromJson, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, ValueSchema } from '@bufbuild/protobuf/wkt';
import type { AgentSplitStatisticsSchema, DiffAgentVersionsResponseSchema } from '@flotilla/contracts/agent';
import type { AgentVersion } from '../db/agent-repository.ts';
import { diffContents } from '../domain/agent.ts';
import type { JsonValue } from '../domain/output-schema.ts';
import type { SplitStatistics } from '../queries/get-split-statistics.ts';

export function toDiffMessage(
  before: AgentVersion,
  after: AgentVersion,
): MessageInitShape<typeof DiffAgentVersionsResponseSchema> {
  const value = (name: 'before' | 'after', json: JsonValue | undefined) =>
    json === undefined ? {} : { [name]: fromJson(ValueSchema, json) };
  return {
    fromContentHash: before.contentHash,
    toContentHash: after.contentHash,
    changes: diffContents(before, after).map((change) => ({
      pointer: change.pointer,
      ...value('before', change.before),
      ...value('after', change.after),
    })),
  };
}

export function toSplitStatisticsMessage({
  agentId,
  splitId,
  arms,
}: SplitStatistics): MessageInitShape<typeof AgentSplitStatisticsSchema> {
  return {
    agentId,
    splitId,
    arms: arms.map(({ latencyP50Ms, latencyP95Ms, ...arm }) => ({
      version: arm.version,
      weight: arm.weight,
      executions: BigInt(arm.executions),
      completed: BigInt(arm.completed),
      notCompleted: BigInt(arm.notCompleted),
      ...(latencyP50Ms === undefined ? {} : { latencyP50: durationFromMs(Math.round(latencyP50Ms)) }),
      ...(latencyP95Ms === undefined ? {} : { latencyP95: durationFromMs(Math.round(latencyP95Ms)) }),
      totalTokens: BigInt(arm.totalTokens),
      costUsd: arm.costUsd ?? '',
    })),
  };
}
