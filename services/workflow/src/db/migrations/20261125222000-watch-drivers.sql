-- When the sweep last found that the run's driver is there. What a driver writes is a sign of life of its own (updated_at).
alter table workflow_instances add column driver_seen_at timestamptz not null default now();
create index workflow_instances_driver_seen on workflow_instances (driver_seen_at) where settled_at is null;

-- The sweep looks over all tenants, at ids only: runs that had a driver which has not been heard of for this long.
create function silent_instances(silent_for interval, at_most integer)
returns table (tenant_id uuid, instance_id uuid, driver_epoch integer) language sql stable security definer
set search_path = pg_catalog, pg_temp as $$
  select i.tenant_id, i.id, i.driver_epoch from public.workflow_instances i
  where i.settled_at is null and i.driver_started_at is not null
    and i.driver_seen_at < now() - silent_for and i.updated_at < now() - silent_for
  order by i.driver_seen_at limit at_most
$$;
select allow_app('silent_instances(interval, integer)');

-- Permissions that no run needs any more, until identity has taken them back.
create table ended_grants (
  tenant_id   uuid not null,
  grant_id    uuid not null,
  created_at  timestamptz not null default now(),
  primary key (tenant_id, grant_id)
);
create index ended_grants_oldest on ended_grants (created_at);
select protect_tenant_table('ended_grants', 'select, insert, delete');

-- A grant ends with its run; and where the run is given another one, because somebody else goes on with it.
create function end_grant() returns trigger language plpgsql as $$
begin
  insert into ended_grants (tenant_id, grant_id) values (old.tenant_id, old.grant_id) on conflict do nothing;
  return null;
end $$;
create trigger end_grant after update of settled_at, grant_id on workflow_instances for each row
  when ((old.settled_at is null and new.settled_at is not null) or old.grant_id <> new.grant_id)
  execute function end_grant();

create function grants_to_revoke(at_most integer)
returns table (tenant_id uuid, grant_id uuid) language sql stable security definer
set search_path = pg_catalog, pg_temp as $$
  select g.tenant_id, g.grant_id from public.ended_grants g order by g.created_at limit at_most
$$;
select allow_app('grants_to_revoke(integer)');
