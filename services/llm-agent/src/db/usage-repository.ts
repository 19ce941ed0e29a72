import { type ReadTx, sql, type Tx } from '@flotilla/postgres';
import type { Execution } from '../domain/execution.ts';
import type { AgentStatistics, Usage, UsageDimension } from '../domain/usage.ts';
import { zeroId } from './budget-repository.ts';
import { firstIdAt, toDecimal } from './execution-repository.ts';
import type { Schema } from './schema.ts';

/** Over all tenants: adds settled lines of the ledger to daily_usage; answers how many. Uses provider_attempts_to_roll_up. */
export async function rollUpUsage(tx: Tx<Schema>, limit: number): Promise<number> {
  const { rows } = await sql<{ lines: bigint }>`select roll_up_usage(${limit}) as lines`.execute(tx);
  return Number(rows[0]?.lines ?? 0n);
}

interface UsageRow {
  readonly day: string | null;
  readonly agent_id: string | null;
  readonly user_id: string | null;
  readonly provider: string | null;
  readonly model: string | null;
  readonly calls: string;
  readonly prompt_tokens: string;
  readonly cached_prompt_tokens: string;
  readonly completion_tokens: string;
  readonly cost_usd: string;
  readonly unpriced_calls: string;
  readonly estimated_calls: string;
}

const groupings = {
  day: sql`day`,
  agent: sql`agent_id`,
  user: sql`user_id`,
  model: sql`provider, model`,
} satisfies Record<UsageDimension, unknown>;

/** Sums of settled calls that began on days from `from` to before `to`, in order of what they are grouped by. */
export async function sumUsage(
  tx: ReadTx<Schema>,
  wish: { from: string; to: string; agentId: string; userId: string; groupBy: readonly UsageDimension[] },
  limit: number,
): Promise<Usage[]> {
  const by = (dimension: UsageDimension) => wish.groupBy.includes(dimension);
  const column = (dimension: UsageDimension, name: string) =>
    by(dimension) ? sql`${sql.ref(name)}` : sql`null as ${sql.ref(name)}`;
  const groups = wish.groupBy.map((dimension) => groupings[dimension]);
  const { rows } = await sql<UsageRow>`
    select ${column('day', 'day')}, ${column('agent', 'agent_id')}, ${column('user', 'user_id')},
      ${column('model', 'provider')}, ${column('model', 'model')},
      coalesce(sum(calls), 0) as calls, coalesce(sum(prompt_tokens), 0) as prompt_tokens,
      coalesce(sum(cached_prompt_tokens), 0) as cached_prompt_tokens,
      coalesce(sum(completion_tokens), 0) as completion_tokens, coalesce(sum(cost_usd), 0) as cost_usd,
      coalesce(sum(unpriced_calls), 0) as unpriced_calls, coalesce(sum(estimated_calls), 0) as estimated_calls
    from usage_rows(${wish.from}::date, ${wish.to}::date)
    where (${wish.agentId} = '' or agent_id::text = ${wish.agentId}) and (${wish.userId} = '' or user_id::text = ${wish.userId})
    ${groups.length === 0 ? sql`` : sql`group by ${sql.join(groups)} order by ${sql.join(groups)}`}
    limit ${limit}`.execute(tx);
  return rows.map((row) => ({
    day: row.day ?? undefined,
    agentId: idOf(row.agent_id),
    userId: idOf(row.user_id),
    provider: row.provider ?? undefined,
    model: row.model ?? undefined,
    calls: BigInt(row.calls),
    promptTokens: BigInt(row.prompt_tokens),
    cachedPromptTokens: BigInt(row.cached_prompt_tokens),
    completionTokens: BigInt(row.completion_tokens),
    costUsd: toDecimal(row.cost_usd) ?? '0',
    unpricedCalls: BigInt(row.unpriced_calls),
    estimatedCalls: BigInt(row.estimated_calls),
  }));
}

const idOf = (id: string | null) => (id === null || id === zeroId ? undefined : id);

/** Of executions that began in the period. Ids sort by time: uses executions_agent, in the months of the period only. */
export async function agentStatistics(
  tx: ReadTx<Schema>,
  { agentId, from, to }: { agentId: string; from: Date; to: Date },
): Promise<AgentStatistics> {
  const { rows } = await sql<{
    readonly statuses: Readonly<Record<Execution['status'], number>> | null;
    readonly executions: bigint;
    readonly p50: number | null;
    readonly p95: number | null;
    readonly prompt_tokens: bigint | null;
    readonly completion_tokens: bigint | null;
    readonly cost_usd: string | null;
    readonly unpriced: bigint;
  }>`
    with ran as (
      select status, latency_ms, prompt_tokens, completion_tokens, cost_usd from executions
      where agent_id = ${agentId} and created_at >= ${from} and created_at < ${to}
        -- An id is made a moment after its execution's time.
        and id >= ${firstIdAt(from.getTime())}::uuid and id < ${firstIdAt(to.getTime() + 60_000)}::uuid
    )
    select (select jsonb_object_agg(status, n) from (select status, count(*) as n from ran group by status) s) as statuses,
      count(*) as executions,
      percentile_disc(0.5) within group (order by latency_ms) as p50,
      percentile_disc(0.95) within group (order by latency_ms) as p95,
      sum(prompt_tokens) as prompt_tokens, sum(completion_tokens) as completion_tokens, sum(cost_usd) as cost_usd,
      count(*) filter (where cost_usd is null) as unpriced
    from ran`.execute(tx);
  const [row] = rows;
  return {
    executions: Number(row?.executions ?? 0n),
    byStatus: new Map(Object.entries(row?.statuses ?? {}) as [Execution['status'], number][]),
    latencyP50Ms: row?.p50 ?? undefined,
    latencyP95Ms: row?.p95 ?? undefined,
    promptTokens: row?.prompt_tokens ?? 0n,
    completionTokens: row?.completion_tokens ?? 0n,
    costUsd: toDecimal(row?.cost_usd ?? '0') ?? '0',
    unpricedExecutions: Number(row?.unpriced ?? 0n),
  };
}
