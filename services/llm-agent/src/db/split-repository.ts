import { type ReadTx, sql } from '@flotilla/postgres';
import { toDecimal } from './execution-repository.ts';
import type { Schema } from './schema.ts';

/** How the executions of one version in a split went. */
export interface ArmStatistics {
  readonly version: number;
  readonly executions: number;
  readonly completed: number;
  readonly notCompleted: number;
  /** Of completed ones; undefined where there is none. */
  readonly latencyP50Ms: number | undefined;
  readonly latencyP95Ms: number | undefined;
  readonly totalTokens: number;
  readonly costUsd: string | undefined;
}

/** By version, over all executions of the split that are kept. Uses executions_split. */
export async function armStatistics(
  tx: ReadTx<Schema>,
  { agentId, splitId }: { agentId: string; splitId: string },
): Promise<ArmStatistics[]> {
  const { rows } = await sql<{
    agent_version: number;
    executions: bigint;
    completed: bigint;
    not_completed: bigint;
    p50: number | null;
    p95: number | null;
    tokens: bigint;
    cost_usd: string | null;
  }>`
    select agent_version, count(*) as executions,
      count(*) filter (where status = 'completed') as completed,
      count(*) filter (where completed_at is not null and status <> 'completed') as not_completed,
      percentile_cont(0.5) within group (order by latency_ms) filter (where status = 'completed') as p50,
      percentile_cont(0.95) within group (order by latency_ms) filter (where status = 'completed') as p95,
      coalesce(sum(prompt_tokens::bigint + completion_tokens), 0)::bigint as tokens, sum(cost_usd) as cost_usd
    from executions where split_id = ${splitId} and agent_id = ${agentId}
    group by agent_version order by agent_version`.execute(tx);
  return rows.map((row) => ({
    version: row.agent_version,
    executions: Number(row.executions),
    completed: Number(row.completed),
    notCompleted: Number(row.not_completed),
    latencyP50Ms: row.p50 ?? undefined,
    latencyP95Ms: row.p95 ?? undefined,
    totalTokens: Number(row.tokens),
    costUsd: toDecimal(row.cost_usd),
  }));
}
