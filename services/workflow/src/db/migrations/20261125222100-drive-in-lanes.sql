-- Who drives a run: nobody yet (it waits for a place in a lane), a lane of some process under a lease, or Temporal.
alter table workflow_instances
  add column driver text not null default 'temporal' check (driver in ('queued', 'lane', 'temporal')),
  -- Until when the lane that holds the run has it for itself.
  add column lease_until timestamptz;
create index workflow_instances_queued on workflow_instances (tenant_id, id) where driver = 'queued';
create index workflow_instances_leased on workflow_instances (lease_until) where lease_until is not null;

create or replace function undriven_instances(older_than interval, at_most integer)
returns table (tenant_id uuid, instance_id uuid, driver_epoch integer) language sql stable security definer
set search_path = pg_catalog, pg_temp as $$
  select i.tenant_id, i.id, i.driver_epoch from public.workflow_instances i
  where i.driver_started_at is null and i.settled_at is null and i.driver = 'temporal'
    and greatest(i.created_at, i.driver_seen_at) < now() - older_than
  order by i.created_at limit at_most
$$;

-- Takes queued runs of all tenants into the lane of the caller. Tenants take turns: what counts is how much of its weight a
-- tenant would have in this lane. `busy` says what runs there already: [{ tenant_id, running, weight }].
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

-- Runs that are still held: their journals may have been written by commands meanwhile.
create function renew_leases(held jsonb, lease interval)
returns table (instance_id uuid, journal_length integer) language sql volatile security definer
set search_path = pg_catalog, pg_temp as $$
  update public.workflow_instances i set lease_until = now() + lease
  from jsonb_to_recordset(held) as h (id uuid, epoch integer)
  where i.id = h.id and i.driver_epoch = h.epoch and i.driver = 'lane' and i.settled_at is null
  returning i.id, i.journal_length
$$;
select allow_app('renew_leases(jsonb, interval)');

-- Takes runs away from lanes that let their lease run out: whoever held them may not write any more.
create function expire_leases(at_most integer)
returns table (tenant_id uuid, instance_id uuid, driver_epoch integer) language sql volatile security definer
set search_path = pg_catalog, pg_temp as $$
  with expired as (
    select i.id from public.workflow_instances i
    where i.lease_until < now() and i.driver = 'lane' and i.settled_at is null
    order by i.lease_until limit at_most for update skip locked
  ),
  begun as (
    -- The attempt that was under way, if there was one, died with the lane.
    update public.tasks t set attempts = t.attempts + 1 from expired
    where t.instance_id = expired.id and t.status = 'running' and t.effect_key is not null
  )
  update public.workflow_instances i
  set driver = 'temporal', driver_epoch = i.driver_epoch + 1, lease_until = null,
    driver_started_at = null, driver_seen_at = now()
  from expired where i.id = expired.id
  returning i.tenant_id, i.id, i.driver_epoch
$$;
select allow_app('expire_leases(integer)');
