-- The ledger added up by day. The zero id stands for "no user" and "no agent".
create table daily_usage (
  tenant_id            uuid not null,
  day                  date not null,
  agent_id             uuid not null,
  user_id              uuid not null,
  provider             text not null,
  model                text not null,
  calls                bigint not null,
  prompt_tokens        bigint not null,
  cached_prompt_tokens bigint not null,
  completion_tokens    bigint not null,
  cost_usd             numeric(24, 12) not null,
  -- Calls whose cost is not known, and calls whose tokens are those that were reserved.
  unpriced_calls       bigint not null,
  estimated_calls      bigint not null,
  primary key (tenant_id, day, agent_id, user_id, provider, model)
);
select protect_tenant_table('daily_usage', 'select');

-- Whether daily_usage has the line. Settling a line touches no index: this one holds lines from their first moment.
alter table provider_attempts add column rolled_up boolean not null default false;
create index provider_attempts_to_roll_up on provider_attempts (tenant_id, started_at) where not rolled_up;
create index provider_attempts_started_at on provider_attempts (tenant_id, started_at, id);

-- Moves settled lines into daily_usage, each once: the mark and the sum are one statement. Callers never wait for a row
-- that calls under way hold, nor calls for one of these: no call writes to daily_usage.
create function roll_up_usage(p_limit integer) returns bigint
language sql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
  with batch as (
    select id from provider_attempts where not rolled_up and completed_at is not null
    order by tenant_id, started_at limit p_limit for update skip locked
  ), marked as (
    update provider_attempts a set rolled_up = true from batch where a.id = batch.id returning a.*
  ), added as (
    insert into daily_usage as d
    select tenant_id, (started_at at time zone 'UTC')::date, coalesce(agent_id, zero), coalesce(user_id, zero), provider, model,
      count(*), sum(prompt_tokens), sum(cached_prompt_tokens), sum(completion_tokens), coalesce(sum(cost_usd), 0),
      count(*) filter (where cost_usd is null), count(*) filter (where usage_estimated)
    from marked, (select '00000000-0000-0000-0000-000000000000'::uuid as zero) z
    group by 1, 2, 3, 4, 5, 6
    order by 1, 2, 3, 4, 5, 6
    on conflict (tenant_id, day, agent_id, user_id, provider, model) do update set
      calls = d.calls + excluded.calls,
      prompt_tokens = d.prompt_tokens + excluded.prompt_tokens,
      cached_prompt_tokens = d.cached_prompt_tokens + excluded.cached_prompt_tokens,
      completion_tokens = d.completion_tokens + excluded.completion_tokens,
      cost_usd = d.cost_usd + excluded.cost_usd,
      unpriced_calls = d.unpriced_calls + excluded.unpriced_calls,
      estimated_calls = d.estimated_calls + excluded.estimated_calls
  )
  select count(*) from marked
$$;
select allow_app('roll_up_usage(integer)');

-- What was used on days from p_from to before p_to: the sums, and the lines that are not in them yet. Exact at any moment,
-- because both are read in one snapshot.
create function usage_rows(p_from date, p_to date)
returns table (day date, agent_id uuid, user_id uuid, provider text, model text, calls bigint, prompt_tokens bigint,
  cached_prompt_tokens bigint, completion_tokens bigint, cost_usd numeric, unpriced_calls bigint, estimated_calls bigint)
language sql stable as $$
  select d.day, d.agent_id, d.user_id, d.provider, d.model, d.calls, d.prompt_tokens, d.cached_prompt_tokens,
    d.completion_tokens, d.cost_usd, d.unpriced_calls, d.estimated_calls
  from daily_usage d where d.day >= p_from and d.day < p_to
  union all
  select (a.started_at at time zone 'UTC')::date, coalesce(a.agent_id, '00000000-0000-0000-0000-000000000000'),
    coalesce(a.user_id, '00000000-0000-0000-0000-000000000000'), a.provider, a.model, 1, a.prompt_tokens,
    a.cached_prompt_tokens, a.completion_tokens, coalesce(a.cost_usd, 0), (a.cost_usd is null)::int, a.usage_estimated::int
  from provider_attempts a
  where not a.rolled_up and a.completed_at is not null
    and a.started_at >= p_from::timestamp at time zone 'UTC' and a.started_at < p_to::timestamp at time zone 'UTC'
$$;
select allow_app('usage_rows(date, date)');
