create table budgets (
  id               uuid primary key,
  tenant_id        uuid not null,
  level            text not null check (level in ('tenant', 'user', 'agent', 'execution')),
  -- The user or agent that it is for. The zero id: for each one of the level, counted one by one.
  subject_id       uuid not null default '00000000-0000-0000-0000-000000000000',
  period           text not null check (period in ('day', 'month', 'total')),
  limit_tokens     bigint check (limit_tokens between 0 and 1000000000000000),
  limit_usd_micros bigint check (limit_usd_micros between 0 and 1000000000000000),
  warn_percent     integer not null check (warn_percent between 1 and 100),
  created_by       text not null,
  created_at       timestamptz(3) not null default now(),
  updated_at       timestamptz(3) not null default now(),
  deleted_at       timestamptz(3),
  revision         integer not null default 1 check (revision > 0),
  event_seq        bigint not null default 0,
  unique (tenant_id, id),
  check (limit_tokens is not null or limit_usd_micros is not null),
  check (level <> 'tenant' or subject_id = '00000000-0000-0000-0000-000000000000'),
  check (level <> 'execution' or period = 'total')
);
create unique index budgets_subject on budgets (tenant_id, subject_id, level, period) where deleted_at is null;
create index budgets_newest on budgets (tenant_id, id desc) where deleted_at is null;
select protect_tenant_table('budgets', 'select, insert, update');

-- What one subject has spent of a budget in one period, and what its calls under way may still spend. Executions have no
-- row here: their few calls are added up in the ledger.
create table budget_periods (
  id              uuid primary key,
  tenant_id       uuid not null,
  budget_id       uuid not null,
  subject_id      uuid not null,
  period_start    date not null,
  spent_tokens    bigint not null default 0,
  spent_usd       numeric(24, 12) not null default 0,
  reserved_tokens bigint not null default 0 check (reserved_tokens >= 0),
  reserved_usd    numeric(24, 12) not null default 0 check (reserved_usd >= 0),
  warned_at       timestamptz(3),
  exceeded_at     timestamptz(3),
  created_at      timestamptz(3) not null default now(),
  unique (tenant_id, budget_id, subject_id, period_start),
  foreign key (tenant_id, budget_id) references budgets (tenant_id, id)
) with (fillfactor = 50);
select protect_tenant_table('budget_periods', 'select, insert, update');

alter table provider_attempts
  -- The most that the call may use; null where no budget bounds it.
  add column reserved_prompt_tokens integer,
  add column reserved_completion_tokens integer,
  add column reserved_usd numeric(24, 12),
  add column budget_period_ids uuid[];

alter table executions drop constraint executions_status_check;
alter table executions add constraint executions_status_check
  check (status in ('pending', 'running', 'completed', 'failed', 'cancelled', 'timeout', 'budget_exceeded'));

create function budget_period_start(p_period text, p_at timestamptz) returns date
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case p_period
    when 'day' then (p_at at time zone 'UTC')::date
    when 'month' then date_trunc('month', p_at at time zone 'UTC')::date
    else date '2000-01-01' end
$$;
select allow_app('budget_period_start(text, timestamptz)');

-- The period of a budget, locked until commit. A new one begins with what the ledger has for it: a budget that is made in
-- the middle of a month knows what was spent before.
create function lock_budget_period(p_budget_id uuid, p_level text, p_period text, p_subject_id uuid, p_at timestamptz,
  out id uuid, out used_tokens bigint, out used_usd numeric, out announced boolean)
language plpgsql volatile set search_path = pg_catalog, public, pg_temp as $$
declare
  v_start constant date := budget_period_start(p_period, p_at);
begin
  loop
    select p.id, p.spent_tokens + p.reserved_tokens, p.spent_usd + p.reserved_usd, p.exceeded_at is not null
    into id, used_tokens, used_usd, announced from budget_periods p
    where p.budget_id = p_budget_id and p.subject_id = p_subject_id and p.period_start = v_start for update;
    if found then return; end if;
    insert into budget_periods (id, tenant_id, budget_id, subject_id, period_start, spent_tokens, spent_usd)
    select uuid_v7(), nullif(current_setting('app.current_tenant_id', true), '')::uuid, p_budget_id, p_subject_id, v_start,
      coalesce(sum(u.prompt_tokens + u.completion_tokens), 0), coalesce(sum(u.cost_usd), 0)
    from usage_rows(v_start, 'infinity') u
    where case p_level when 'user' then u.user_id = p_subject_id when 'agent' then u.agent_id = p_subject_id else true end
    on conflict do nothing;
  end loop;
end $$;
select allow_app('lock_budget_period(uuid, text, text, uuid, timestamptz)');

-- Writes the line of the ledger for a call that is about to be made, with the price in force, and reserves the most that it
-- may use (p_prompt_tokens, p_completion_tokens) in every budget that bounds it. The locked period decides races. A refusal
-- is an error with SQLSTATE FB001 whose detail says why, so that the transaction fails although its commit is on its way.
create function open_attempt(p_id uuid, p_execution_id uuid, p_attempt integer, p_agent_id uuid, p_user_id uuid,
  p_provider text, p_model text, p_free_unless_priced boolean, p_started_at timestamptz,
  p_prompt_tokens integer, p_completion_tokens integer,
  out input_usd_micros bigint, out cached_input_usd_micros bigint, out output_usd_micros bigint,
  out reserved boolean)
language plpgsql volatile set search_path = pg_catalog, public, pg_temp as $$
declare
  v_zero constant uuid := '00000000-0000-0000-0000-000000000000';
  v_tokens constant bigint := p_prompt_tokens::bigint + p_completion_tokens;
  v_usd numeric;
  v_budget record;
  v_period record;
  v_subject uuid;
  v_left_tokens bigint;
  v_left_usd numeric;
  v_periods uuid[] := '{}';
  v_refusal jsonb;
begin
  select p.input_usd_micros, p.cached_input_usd_micros, p.output_usd_micros
  into input_usd_micros, cached_input_usd_micros, output_usd_micros
  from price_in_force(p_provider, p_model, p_started_at) p;
  if input_usd_micros is null and p_free_unless_priced then
    input_usd_micros := 0; cached_input_usd_micros := 0; output_usd_micros := 0;
  end if;
  v_usd := (p_prompt_tokens::numeric * greatest(input_usd_micros, cached_input_usd_micros)
    + p_completion_tokens::numeric * output_usd_micros) * 0.000000000001;
  reserved := false;

  -- Uses budgets_subject. Always in the same order, so that no two calls wait for each other.
  for v_budget in
    select b.id, b.level, b.period, b.limit_tokens, b.limit_usd_micros from budgets b
    where b.deleted_at is null and b.subject_id in (v_zero, p_agent_id, p_user_id)
      and case b.level
        when 'tenant' then true
        when 'user' then p_user_id is not null and b.subject_id in (v_zero, p_user_id)
        else b.subject_id in (v_zero, p_agent_id) end
    order by b.id
  loop
    reserved := true;
    v_subject := case v_budget.level when 'tenant' then v_zero when 'user' then p_user_id
      when 'agent' then p_agent_id else p_execution_id end;
    if v_budget.level = 'execution' then
      select null::uuid as id, coalesce(sum(a.prompt_tokens + a.completion_tokens), 0) as used_tokens,
        coalesce(sum(a.cost_usd), 0) as used_usd, true as announced
      into v_period from provider_attempts a where a.execution_id = p_execution_id;
    else
      select p.id, p.used_tokens, p.used_usd, p.announced into v_period
      from lock_budget_period(v_budget.id, v_budget.level, v_budget.period, v_subject, p_started_at) p;
      v_periods := v_periods || v_period.id;
    end if;
    v_left_tokens := v_budget.limit_tokens - v_period.used_tokens;
    v_left_usd := v_budget.limit_usd_micros * 0.000001 - v_period.used_usd;
    v_refusal := case
      when v_budget.limit_usd_micros is not null and v_usd is null then jsonb_build_object('reason', 'PRICE_UNKNOWN')
      when v_left_tokens < v_tokens then
        jsonb_build_object('reason', 'BUDGET_EXCEEDED', 'unit', 'tokens', 'left', greatest(v_left_tokens, 0)::text, 'wanted', v_tokens::text)
      when v_left_usd < v_usd then
        jsonb_build_object('reason', 'BUDGET_EXCEEDED', 'unit', 'US dollars',
          'left', trim_scale(greatest(v_left_usd, 0))::text, 'wanted', trim_scale(v_usd)::text) end;
    if v_refusal is not null then
      raise exception using errcode = 'FB001', message = 'a budget refuses the call',
        detail = (v_refusal || jsonb_build_object('budgetId', v_budget.id, 'level', v_budget.level, 'period', v_budget.period,
          'subjectId', v_subject, 'announced', v_period.announced, 'at', p_started_at))::text;
    end if;
  end loop;

  if v_periods <> '{}' then
    update budget_periods p set reserved_tokens = p.reserved_tokens + v_tokens, reserved_usd = p.reserved_usd + coalesce(v_usd, 0)
    where p.id = any (v_periods);
  end if;
  insert into provider_attempts (id, tenant_id, execution_id, attempt, agent_id, user_id, provider, model, status,
    started_at, input_usd_micros, cached_input_usd_micros, output_usd_micros,
    reserved_prompt_tokens, reserved_completion_tokens, reserved_usd, budget_period_ids)
  values (p_id, nullif(current_setting('app.current_tenant_id', true), '')::uuid, p_execution_id, p_attempt,
    p_agent_id, p_user_id, p_provider, p_model, 'started', p_started_at,
    input_usd_micros, cached_input_usd_micros, output_usd_micros,
    case when reserved then p_prompt_tokens end, case when reserved then p_completion_tokens end,
    case when reserved then v_usd end, nullif(v_periods, '{}'));
end $$;
select allow_app('open_attempt(uuid, uuid, integer, uuid, uuid, text, text, boolean, timestamptz, integer, integer)');
drop function open_attempt(uuid, uuid, integer, uuid, uuid, text, text, boolean, timestamptz);

-- Settles a line that is open, and what was reserved for it; one that is settled stays as it is. Answers the periods that
-- have reached the share of their budget at which to warn, as long as nobody has.
create function settle_attempt(p_execution_id uuid, p_attempt integer, p_status text, p_prompt_tokens integer,
  p_cached_prompt_tokens integer, p_completion_tokens integer, p_cost_usd numeric, p_usage_estimated boolean,
  p_error_reason text, p_at timestamptz)
returns table (budget_period_id uuid)
language plpgsql volatile set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare
  v_tokens constant bigint := p_prompt_tokens::bigint + p_completion_tokens;
  v_reserved_tokens bigint;
  v_reserved_usd numeric;
  v_periods uuid[];
begin
  update provider_attempts set status = p_status, prompt_tokens = p_prompt_tokens,
    cached_prompt_tokens = p_cached_prompt_tokens, completion_tokens = p_completion_tokens, cost_usd = p_cost_usd,
    usage_estimated = p_usage_estimated, error_reason = p_error_reason, completed_at = p_at
  where execution_id = p_execution_id and attempt = p_attempt and status = 'started'
  returning reserved_prompt_tokens::bigint + reserved_completion_tokens, coalesce(reserved_usd, 0), budget_period_ids
  into v_reserved_tokens, v_reserved_usd, v_periods;
  if v_periods is null then return; end if;

  -- In the order in which calls lock them.
  perform 1 from budget_periods p where p.id = any (v_periods) order by p.budget_id for update;
  update budget_periods p set
    reserved_tokens = p.reserved_tokens - v_reserved_tokens,
    reserved_usd = p.reserved_usd - v_reserved_usd,
    spent_tokens = p.spent_tokens + v_tokens,
    spent_usd = p.spent_usd + coalesce(p_cost_usd, 0)
  where p.id = any (v_periods);
  return query
    select p.id from budget_periods p join budgets b on b.id = p.budget_id
    where p.id = any (v_periods) and p.warned_at is null and b.deleted_at is null
      and (p.spent_tokens * 100 >= b.limit_tokens * b.warn_percent
        or p.spent_usd * 100000000 >= b.limit_usd_micros * b.warn_percent);
end $$;
select allow_app('settle_attempt(uuid, integer, text, integer, integer, integer, numeric, boolean, text, timestamptz)');
