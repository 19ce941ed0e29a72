import { AppError } from '@flotilla/errors';
import type { Execution } from './execution.ts';

export type UsageDimension = 'day' | 'agent' | 'user' | 'model';

/** What calls used, added up; what the sum is not grouped by is undefined. */
export interface Usage {
  readonly day: string | undefined;
  readonly agentId: string | undefined;
  readonly userId: string | undefined;
  readonly provider: string | undefined;
  readonly model: string | undefined;
  readonly calls: bigint;
  readonly promptTokens: bigint;
  readonly cachedPromptTokens: bigint;
  readonly completionTokens: bigint;
  readonly costUsd: string;
  readonly unpricedCalls: bigint;
  readonly estimatedCalls: bigint;
}

/** How the executions of an agent went. */
export interface AgentStatistics {
  readonly executions: number;
  readonly byStatus: ReadonlyMap<Execution['status'], number>;
  readonly latencyP50Ms: number | undefined;
  readonly latencyP95Ms: number | undefined;
  readonly promptTokens: bigint;
  readonly completionTokens: bigint;
  readonly costUsd: string;
  readonly unpricedExecutions: number;
}

const dayMs = 86_400_000;

/** Days from the first to before the end, both `2026-01-31`; thirty days up to today where they are not given. */
export function readDays(startDate: string, endDate: string, now: Date): { from: string; to: string } {
  const end = endDate === '' ? now.getTime() + dayMs : readDay('endDate', endDate);
  const start = startDate === '' ? end - 30 * dayMs : readDay('startDate', startDate);
  if (start > end) throw invalid('startDate', 'The period ends before it begins.');
  return { from: dayOf(start), to: dayOf(end) };
}

/** Thirty days up to now where they are not given. */
export function readTimes(
  startTime: Date | undefined,
  endTime: Date | undefined,
  { now, maxDays }: { now: Date; maxDays: number },
): { from: Date; to: Date } {
  const to = endTime ?? now;
  const from = startTime ?? new Date(to.getTime() - 30 * dayMs);
  if (from > to) throw invalid('startTime', 'The period ends before it begins.');
  if (to.getTime() - from.getTime() > maxDays * dayMs) {
    throw invalid('startTime', `A period has at most ${maxDays} days.`);
  }
  return { from, to };
}

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);

function readDay(field: string, text: string): number {
  const ms = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(ms) || dayOf(ms) !== text) throw invalid(field, `"${text}" is no day.`);
  return ms;
}

function invalid(field: string, message: string): AppError {
  return new AppError('invalid_argument', 'PERIOD_INVALID', message, {
    violations: [{ field, reason: 'PERIOD_INVALID', message }],
  });
}
