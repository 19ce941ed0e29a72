-- As before; the attempts under way are found by the key of their run, which begins with the tenant.
create or replace function expire_leases(at_most integer)
returns table (tenant_id uuid, instance_id uuid, driver_epoch integer) language sql volatile security definer
set search_path = pg_catalog, pg_temp as $$
  with expired as (
    select i.id, i.tenant_id from public.workflow_instances i
    where i.lease_until < now() and i.driver = 'lane' and i.settled_at is null
    order by i.lease_until limit at_most for update skip locked
  ),
  begun as (
    -- The attempt that was under way, if there was one, died with the lane.
    update public.tasks t set attempts = t.attempts + 1 from expired
    where t.tenant_id = expired.tenant_id and t.instance_id = expired.id and t.status = 'running' and t.effect_key is not null
  )
  update public.workflow_instances i
  set driver = 'temporal', driver_epoch = i.driver_epoch + 1, lease_until = null,
    driver_started_at = null, driver_seen_at = now()
  from expired where i.id = expired.id
  returning i.tenant_id, i.id, i.driver_epoch
$$;
