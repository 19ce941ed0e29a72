create table workflows (
  id              uuid primary key,
  tenant_id       uuid not null,
  name            varchar(255) not null,
  slug            varchar(100) not null check (slug ~ '^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$'),
  description     text not null default '',
  status          text not null default 'draft' check (status in ('draft', 'active', 'deprecated', 'archived')),
  -- Counts activations; 0 before the first.
  version         integer not null default 0 check (version >= 0),
  -- The newest text: what the next activation makes a version of.
  definition      jsonb not null,
  created_by      uuid not null,
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  deleted_at      timestamptz,
  revision        integer not null default 1,
  event_seq       bigint not null default 0,
  unique (tenant_id, id),
  check (status = 'draft' or version > 0)
);
create unique index workflows_slug on workflows (tenant_id, slug) where deleted_at is null;
create index workflows_newest on workflows (tenant_id, id desc) where deleted_at is null;
select protect_tenant_table('workflows');

-- What runs are made of: never changed, never removed.
create table workflow_versions (
  id              uuid primary key,
  tenant_id       uuid not null,
  workflow_id     uuid not null,
  version         integer not null check (version > 0),
  definition      jsonb not null,
  created_by      uuid not null,
  created_at      timestamptz not null default now(),
  unique (tenant_id, workflow_id, version),
  foreign key (tenant_id, workflow_id) references workflows (tenant_id, id)
);
select protect_tenant_table('workflow_versions', 'select, insert');

create table workflow_instances (
  id                uuid primary key,
  tenant_id         uuid not null,
  workflow_id       uuid not null,
  workflow_version  integer not null,
  workflow_slug     varchar(100) not null,
  status            text not null default 'pending'
                    check (status in ('pending', 'running', 'paused', 'completed', 'failed', 'cancelled', 'timeout')),
  compensation      text not null default 'none' check (compensation in ('none', 'running', 'complete', 'stuck')),
  input             jsonb not null,
  output            jsonb,
  steps_done        integer not null default 0,
  steps_total       integer not null,
  current_steps     text[] not null default '{}',
  error_reason      text,
  error_message     text,
  error_step        text,
  traceparent       text not null,
  -- The stored permission to act for whoever started the run.
  grant_id          uuid not null,
  created_by        uuid not null,
  -- Counts take-overs: what a driver of an older epoch writes is refused.
  driver_epoch      integer not null default 1,
  -- When a driver was known to have been started; null: the sweep starts one.
  driver_started_at timestamptz,
  journal_length    integer not null default 0,
  -- Nothing is left to do, stuck undos included.
  settled_at        timestamptz,
  started_at        timestamptz,
  completed_at      timestamptz,
  created_at        timestamptz not null default now(),
  updated_at        timestamptz not null default now(),
  revision          integer not null default 1,
  event_seq         bigint not null default 0,
  unique (tenant_id, id),
  foreign key (tenant_id, workflow_id, workflow_version) references workflow_versions (tenant_id, workflow_id, version)
);
create index workflow_instances_newest on workflow_instances (tenant_id, id desc);
create index workflow_instances_of_workflow on workflow_instances (tenant_id, workflow_id, id desc);
create index workflow_instances_undriven on workflow_instances (created_at) where driver_started_at is null and settled_at is null;
select protect_tenant_table('workflow_instances', 'select, insert, update');

-- The only truth about a run; the other tables of a run are derived from it in the same transaction.
create table workflow_journal (
  tenant_id    uuid not null,
  instance_id  uuid not null,
  seq          integer not null check (seq > 0),
  kind         text not null,
  step_id      text,
  visit        integer,
  entry        jsonb not null,
  occurred_at  timestamptz not null,
  primary key (tenant_id, instance_id, seq),
  foreign key (tenant_id, instance_id) references workflow_instances (tenant_id, id)
);
create unique index workflow_journal_seq on workflow_journal (instance_id, seq);
select protect_tenant_table('workflow_journal', 'select, insert');

create table tasks (
  id             uuid primary key,
  tenant_id      uuid not null,
  instance_id    uuid not null,
  step_id        varchar(255) not null,
  step_kind      varchar(50) not null,
  visit          integer not null check (visit > 0),
  status         text not null default 'pending' check (status in ('pending', 'running', 'completed', 'failed', 'skipped')),
  input          jsonb,
  output         jsonb,
  error_reason   text,
  error_message  text,
  attempts       integer not null default 0,
  max_attempts   integer not null default 1,
  -- Attempts that were answered badly; those that died with their process are not counted.
  failures       integer not null default 0,
  -- The attempt that may write the outcome: an older one that wakes up late is refused.
  claim          integer not null default 0,
  effect_key     text,
  started_at     timestamptz,
  completed_at   timestamptz,
  duration_ms    integer,
  created_at     timestamptz not null default now(),
  updated_at     timestamptz not null default now(),
  unique (tenant_id, instance_id, step_id, visit),
  unique (tenant_id, id),
  foreign key (tenant_id, instance_id) references workflow_instances (tenant_id, id)
);
create index tasks_of_instance on tasks (tenant_id, instance_id, id);
select protect_tenant_table('tasks', 'select, insert, update');

create table saga_compensations (
  id                   uuid primary key,
  tenant_id            uuid not null,
  instance_id          uuid not null,
  task_id              uuid not null,
  step_id              varchar(255) not null,
  visit                integer not null check (visit > 0),
  compensation_action  text not null,
  compensation_data    jsonb,
  status               text not null default 'pending' check (status in ('pending', 'executing', 'completed', 'failed')),
  attempts             integer not null default 0,
  failures             integer not null default 0,
  claim                integer not null default 0,
  error_reason         text,
  error_message        text,
  effect_key           text not null,
  started_at           timestamptz,
  executed_at          timestamptz,
  created_at           timestamptz not null default now(),
  updated_at           timestamptz not null default now(),
  unique (tenant_id, instance_id, step_id, visit),
  foreign key (tenant_id, instance_id) references workflow_instances (tenant_id, id),
  foreign key (tenant_id, task_id) references tasks (tenant_id, id)
);
create index saga_compensations_of_instance on saga_compensations (tenant_id, instance_id, id);
select protect_tenant_table('saga_compensations', 'select, insert, update');

-- The sweep looks over all tenants, at ids only: runs that no driver is known to have been started for.
create function undriven_instances(older_than interval, at_most integer)
returns table (tenant_id uuid, instance_id uuid, driver_epoch integer) language sql stable security definer
set search_path = pg_catalog, pg_temp as $$
  select i.tenant_id, i.id, i.driver_epoch from public.workflow_instances i
  where i.driver_started_at is null and i.settled_at is null and i.created_at < now() - older_than
  order by i.created_at limit at_most
$$;
select allow_app('undriven_instances(interval, integer)');
