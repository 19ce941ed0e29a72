import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type AgentStatisticsSchema,
  LedgerFormat as LedgerFormatMessage,
  UsageDimension as UsageDimensionMessage,
  type UsageSchema,
} from '@flotilla/contracts/agent';
import { isFinished } from '../domain/execution.ts';
import type { LedgerFormat } from '../domain/ledger-text.ts';
import type { AgentStatistics, Usage, UsageDimension } from '../domain/usage.ts';
import { toExecutionStatusMessage } from './execution-message.ts';

const dimensions: ReadonlyMap<UsageDimensionMessage, UsageDimension> = new Map([
  [UsageDimensionMessage.DAY, 'day'],
  [UsageDimensionMessage.AGENT, 'agent'],
  [UsageDimensionMessage.USER, 'user'],
  [UsageDimensionMessage.MODEL, 'model'],
]);

export function toDimensions(messages: readonly UsageDimensionMessage[]): UsageDimension[] {
  return messages.flatMap((message) => dimensions.get(message) ?? []);
}

export function toLedgerFormat(message: LedgerFormatMessage): LedgerFormat {
  return message === LedgerFormatMessage.JSON_LINES ? 'json lines' : 'csv';
}

export function toUsageMessage(usage: Usage): MessageInitShape<typeof UsageSchema> {
  const { day = '', agentId = '', userId = '', provider = '', model = '', ...sums } = usage;
  return { day, agentId, userId, provider, model, ...sums };
}

export function toStatisticsMessage(
  statistics: AgentStatistics,
  { agentId, from, to }: { agentId: string; from: Date; to: Date },
): MessageInitShape<typeof AgentStatisticsSchema> {
  const { byStatus, latencyP50Ms, latencyP95Ms } = statistics;
  const ended = [...byStatus].reduce((sum, [status, count]) => sum + (isFinished(status) ? count : 0), 0);
  return {
    agentId,
    startTime: timestampFromDate(from),
    endTime: timestampFromDate(to),
    executions: BigInt(statistics.executions),
    byStatus: [...byStatus].map(([status, count]) => ({
      status: toExecutionStatusMessage(status),
      executions: BigInt(count),
    })),
    successRate: ended === 0 ? 0 : (byStatus.get('completed') ?? 0) / ended,
    ...(latencyP50Ms === undefined ? {} : { latencyP50: durationFromMs(latencyP50Ms) }),
    ...(latencyP95Ms === undefined ? {} : { latencyP95: durationFromMs(latencyP95Ms) }),
    promptTokens: statistics.promptTokens,
    completionTokens: statistics.completionTokens,
    costUsd: statistics.costUsd,
    unpricedExecutions: BigInt(statistics.unpricedExecutions),
  };
}
