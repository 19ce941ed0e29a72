create or replace function price_in_force(p_provider text, p_model text, p_at timestamptz,
  out input_usd_micros bigint, out cached_input_usd_micros bigint, out output_usd_micros bigint)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select p.input_usd_micros, p.cached_input_usd_micros, p.output_usd_micros from model_prices p
  where p.provider = p_provider and p.model = p_model and p.effective_from <= p_at
    and (p.fleet_wide or p.tenant_id = (select nullif(current_setting('app.current_tenant_id', true), '')::uuid))
  order by p.fleet_wide, p.effective_from desc limit 1
$$;

create or replace function budget_period_start(p_period text, p_at timestamptz) returns date
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case p_period
    when 'day' then (p_at at time zone 'UTC')::date
    when 'month' then date_trunc('month', p_at at time zone 'UTC')::date
    else date '2000-01-01' end
$$;
