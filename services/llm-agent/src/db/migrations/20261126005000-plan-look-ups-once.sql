-- Bodies of functions in SQL are parsed and planned at every call where they cannot be inlined; those in PL/pgSQL once on
-- each connection. Every call at a provider asks these two.
create or replace function price_in_force(p_provider text, p_model text, p_at timestamptz,
  out input_usd_micros bigint, out cached_input_usd_micros bigint, out output_usd_micros bigint)
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  -- Uses model_prices_of_model.
  select p.input_usd_micros, p.cached_input_usd_micros, p.output_usd_micros
  into input_usd_micros, cached_input_usd_micros, output_usd_micros
  from model_prices p
  where p.provider = p_provider and p.model = p_model and p.effective_from <= p_at
    and (p.fleet_wide or p.tenant_id = (select nullif(current_setting('app.current_tenant_id', true), '')::uuid))
  order by p.fleet_wide, p.effective_from desc limit 1;
end $$;

create or replace function budget_period_start(p_period text, p_at timestamptz) returns date
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return case p_period
    when 'day' then (p_at at time zone 'UTC')::date
    when 'month' then date_trunc('month', p_at at time zone 'UTC')::date
    else date '2000-01-01' end;
end $$;
