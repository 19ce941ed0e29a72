-- The price book. Amounts are micro-dollars for a million tokens, so trillionths of a dollar for one.
create table model_prices (
  id                      uuid primary key,
  tenant_id               uuid not null,
  provider                text not null check (length(provider) between 1 and 50),
  model                   text not null check (length(model) between 1 and 100),
  input_usd_micros        bigint not null check (input_usd_micros between 0 and 1000000000000),
  cached_input_usd_micros bigint not null check (cached_input_usd_micros between 0 and 1000000000000),
  output_usd_micros       bigint not null check (output_usd_micros between 0 and 1000000000000),
  effective_from          timestamptz(3) not null,
  -- The operator's tenant owns it, every tenant is charged by it that has no price of its own.
  fleet_wide              boolean not null default false,
  created_by              text not null,
  created_at              timestamptz(3) not null default now(),
  unique (tenant_id, id)
);
create unique index model_prices_entry on model_prices (provider, model, tenant_id, fleet_wide, effective_from);
-- What was charged by a price must stay explicable: entries are added only.
select protect_tenant_table('model_prices', 'select, insert');

-- The tenant's own prices and those of the whole fleet, whose owner is another tenant.
create function visible_prices()
returns table (id uuid, provider text, model text, input_usd_micros bigint, cached_input_usd_micros bigint,
  output_usd_micros bigint, effective_from timestamptz, fleet_wide boolean, created_by text, created_at timestamptz)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select id, provider, model, input_usd_micros, cached_input_usd_micros, output_usd_micros, effective_from, fleet_wide,
    created_by, created_at
  from model_prices
  where fleet_wide or tenant_id = (select nullif(current_setting('app.current_tenant_id', true), '')::uuid)
$$;
select allow_app('visible_prices()');

-- Uses model_prices_entry.
create function price_in_force(p_provider text, p_model text, p_at timestamptz,
  out input_usd_micros bigint, out cached_input_usd_micros bigint, out output_usd_micros bigint)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select p.input_usd_micros, p.cached_input_usd_micros, p.output_usd_micros from model_prices p
  where p.provider = p_provider and p.model = p_model and p.effective_from <= p_at
    and (p.fleet_wide or p.tenant_id = (select nullif(current_setting('app.current_tenant_id', true), '')::uuid))
  order by p.fleet_wide, p.effective_from desc limit 1
$$;
select allow_app('price_in_force(text, text, timestamptz)');

alter table provider_attempts
  add column agent_id uuid,
  add column user_id uuid,
  add column cached_prompt_tokens integer not null default 0 check (cached_prompt_tokens >= 0),
  -- What the provider used is not known: the tokens are those that were reserved.
  add column usage_estimated boolean not null default false,
  -- The price at the time of the call; null where none was known.
  add column input_usd_micros bigint,
  add column cached_input_usd_micros bigint,
  add column output_usd_micros bigint;
update provider_attempts a
set agent_id = e.agent_id, user_id = case when e.created_by ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then e.created_by::uuid end
from executions e where e.tenant_id = a.tenant_id and e.id = a.execution_id;

-- Writes the line of the ledger for a call that is about to be made, with the price in force: one round trip.
create function open_attempt(p_id uuid, p_execution_id uuid, p_attempt integer, p_agent_id uuid, p_user_id uuid,
  p_provider text, p_model text, p_free_unless_priced boolean, p_started_at timestamptz,
  out input_usd_micros bigint, out cached_input_usd_micros bigint, out output_usd_micros bigint)
language plpgsql volatile set search_path = pg_catalog, public, pg_temp as $$
begin
  select p.input_usd_micros, p.cached_input_usd_micros, p.output_usd_micros
  into input_usd_micros, cached_input_usd_micros, output_usd_micros
  from price_in_force(p_provider, p_model, p_started_at) p;
  if input_usd_micros is null and p_free_unless_priced then
    input_usd_micros := 0; cached_input_usd_micros := 0; output_usd_micros := 0;
  end if;
  insert into provider_attempts (id, tenant_id, execution_id, attempt, agent_id, user_id, provider, model, status,
    started_at, input_usd_micros, cached_input_usd_micros, output_usd_micros)
  values (p_id, nullif(current_setting('app.current_tenant_id', true), '')::uuid, p_execution_id, p_attempt,
    p_agent_id, p_user_id, p_provider, p_model, 'started', p_started_at,
    input_usd_micros, cached_input_usd_micros, output_usd_micros);
end $$;
select allow_app('open_attempt(uuid, uuid, integer, uuid, uuid, text, text, boolean, timestamptz)');
