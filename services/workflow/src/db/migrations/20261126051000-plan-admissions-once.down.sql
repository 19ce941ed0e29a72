drop function admit_instances(integer, integer, interval, jsonb);
create function admit_instances(places integer, share integer, lease interval, busy jsonb)
returns table (tenant_id uuid, instance_id uuid, driver_epoch integer) language sql volatile security definer
set search_path = pg_catalog, pg_temp as $$
  with recursive waiting as (
    (select i.tenant_id as id from public.workflow_instances i where i.driver = 'queued' order by i.tenant_id limit 1)
    union all
    select (select i.tenant_id from public.workflow_instances i
      where i.driver = 'queued' and i.tenant_id > w.id order by i.tenant_id limit 1)
    from waiting w where w.id is not null
  ),
  lane as (
    select * from jsonb_to_recordset(busy) as b (tenant_id uuid, running integer, weight float8)
  ),
  turns as (
    select next.id, (coalesce(lane.running, 0) + next.place) / coalesce(lane.weight, 1) as turn
    from waiting
    left join lane on lane.tenant_id = waiting.id
    cross join lateral (
      select i.id, row_number() over (order by i.id) as place from public.workflow_instances i
      where i.driver = 'queued' and i.tenant_id = waiting.id
      order by i.id limit greatest(0, least(places, share - coalesce(lane.running, 0)))
    ) next
    where waiting.id is not null
  ),
  chosen as (
    -- Another lane may be choosing at this moment.
    select i.id from public.workflow_instances i
    where i.driver = 'queued' and i.id in (select turns.id from turns order by turns.turn, turns.id limit places)
    for update skip locked
  )
  update public.workflow_instances i
  set driver = 'lane', driver_epoch = i.driver_epoch + 1, lease_until = now() + lease
  from chosen where i.id = chosen.id
  returning i.tenant_id, i.id, i.driver_epoch
$$;
select allow_app('admit_instances(integer, integer, interval, jsonb)');
