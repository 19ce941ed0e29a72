drop function expire_leases(integer);
drop function renew_leases(jsonb, interval);
drop function admit_instances(integer, integer, interval, jsonb);
create or replace function undriven_instances(older_than interval, at_most integer)
returns table (tenant_id uuid, instance_id uuid, driver_epoch integer) language sql stable security definer
set search_path = pg_catalog, pg_temp as $$
  select i.tenant_id, i.id, i.driver_epoch from public.workflow_instances i
  where i.driver_started_at is null and i.settled_at is null and i.created_at < now() - older_than
  order by i.created_at limit at_most
$$;
alter table workflow_instances drop column lease_until, drop column driver;
