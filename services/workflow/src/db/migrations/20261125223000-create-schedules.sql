create table workflow_schedules (
  id                        uuid primary key,
  tenant_id                 uuid not null,
  workflow_id               uuid not null,
  name                      varchar(255) not null,
  cron_expression           varchar(255),
  interval_seconds          integer check (interval_seconds > 0),
  timezone                  varchar(64) not null default 'UTC',
  status                    text not null default 'active' check (status in ('active', 'paused')),
  overlap_policy            text not null default 'skip'
                            check (overlap_policy in ('skip', 'buffer_one', 'buffer_all', 'cancel_other', 'allow_all')),
  max_concurrent_executions integer not null default 1 check (max_concurrent_executions between 1 and 100),
  catchup_window_seconds    integer not null default 3600 check (catchup_window_seconds >= 10),
  default_input             jsonb not null default '{}',
  -- The stored permission to act for whoever changed the schedule last.
  grant_id                  uuid not null,
  -- The first time that has not come yet.
  next_run_at               timestamptz,
  last_run_at               timestamptz,
  run_count                 integer not null default 0,
  missed_count              integer not null default 0,
  -- What Temporal is known to have; where it is not `revision`, the sweep brings it there.
  synced_revision           integer,
  -- When that is tried next; in the future while somebody is at it.
  sync_due_at               timestamptz not null default now(),
  sync_attempts             integer not null default 0,
  sync_error                text,
  created_by                uuid not null,
  updated_by                uuid not null,
  created_at                timestamptz not null default now(),
  updated_at                timestamptz not null default now(),
  deleted_at                timestamptz,
  -- Counts what was wished for, not what happened.
  revision                  integer not null default 1,
  event_seq                 bigint not null default 0,
  unique (tenant_id, id),
  check (num_nonnulls(cron_expression, interval_seconds) = 1),
  foreign key (tenant_id, workflow_id) references workflows (tenant_id, id)
);
create index workflow_schedules_newest on workflow_schedules (tenant_id, id desc) where deleted_at is null;
create index workflow_schedules_of_workflow on workflow_schedules (tenant_id, workflow_id, id desc) where deleted_at is null;
create index workflow_schedules_unsynced on workflow_schedules (sync_due_at) where synced_revision is distinct from revision;
create index workflow_schedules_late on workflow_schedules (next_run_at) where status = 'active' and deleted_at is null;
select protect_tenant_table('workflow_schedules', 'select, insert, update');

-- What starts runs without a caller who waits: accepted here once, then started by whoever has the lease.
create table workflow_firings (
  id               uuid primary key,
  tenant_id        uuid not null,
  source           text not null check (source in ('schedule', 'trigger')),
  source_id        uuid not null,
  -- The nominal time, the event or the delivery: what never starts a second run.
  key              varchar(255) not null,
  cause            text not null check (cause in ('schedule', 'call', 'event', 'webhook')),
  workflow_id      uuid not null,
  status           text not null default 'pending' check (status in ('pending', 'started', 'skipped', 'failed')),
  input            jsonb not null,
  nominal_at       timestamptz not null,
  instance_id      uuid,
  error_reason     text,
  error_message    text,
  attempts         integer not null default 0,
  traceparent      text not null,
  -- How many events led here.
  causation_depth  integer not null default 0,
  due_at           timestamptz not null default now(),
  lease_id         uuid,
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  unique (tenant_id, source_id, key)
);
create index workflow_firings_of_source on workflow_firings (tenant_id, source_id, id desc);
create index workflow_firings_due on workflow_firings (due_at) where status = 'pending';
create index workflow_firings_old on workflow_firings (created_at) where status <> 'pending';
select protect_tenant_table('workflow_firings', 'select, insert, update');

-- Which schedule or trigger started a run, and how many events led to it.
alter table workflow_instances add column source_id uuid;
alter table workflow_instances add column causation_depth integer not null default 0;
create index workflow_instances_under_way on workflow_instances (tenant_id, source_id, id)
  where source_id is not null and settled_at is null;

-- Due firings of all tenants, at ids only, each for the time of a lease: one whose worker died is taken again.
create function claim_due_firings(p_limit integer, p_lease interval)
returns table (id uuid, tenant_id uuid, lease_id uuid)
language sql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
  update workflow_firings f set lease_id = uuid_v7(), due_at = clock_timestamp() + p_lease
  from (
    select d.id from workflow_firings d where d.status = 'pending' and d.due_at <= clock_timestamp()
    order by d.due_at limit p_limit for update skip locked
  ) due
  where f.id = due.id
  returning f.id, f.tenant_id, f.lease_id
$$;
select allow_app('claim_due_firings(integer, interval)');

-- Schedules of all tenants that Temporal does not have as they are, each for the time of a lease.
create function claim_unsynced_schedules(p_limit integer, p_lease interval)
returns table (id uuid, tenant_id uuid)
language sql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
  update workflow_schedules s set sync_due_at = clock_timestamp() + p_lease
  from (
    select d.id from workflow_schedules d
    where d.synced_revision is distinct from d.revision and d.sync_due_at <= clock_timestamp()
    order by d.sync_due_at limit p_limit for update skip locked
  ) due
  where s.id = due.id
  returning s.id, s.tenant_id
$$;
select allow_app('claim_unsynced_schedules(integer, interval)');

-- Schedules of all tenants whose next time has passed without a word: Temporal was away, or has lost them.
create function late_schedules(p_late interval, p_limit integer)
returns table (id uuid, tenant_id uuid)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select s.id, s.tenant_id from workflow_schedules s
  where s.status = 'active' and s.deleted_at is null and s.next_run_at < clock_timestamp() - p_late
    and s.synced_revision = s.revision
  order by s.next_run_at limit p_limit
$$;
select allow_app('late_schedules(interval, integer)');

-- What was settled so long ago that nothing asks for it any more.
create function forget_firings(p_older_than interval, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  v_count bigint;
begin
  delete from workflow_firings where ctid = any (array(
    select ctid from workflow_firings where status <> 'pending' and created_at < clock_timestamp() - p_older_than limit p_limit));
  get diagnostics v_count = row_count;
  return v_count;
end $$;
select allow_app('forget_firings(interval, integer)');
