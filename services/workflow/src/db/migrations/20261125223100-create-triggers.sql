create table workflow_triggers (
  id                 uuid primary key,
  tenant_id          uuid not null,
  workflow_id        uuid not null,
  name               varchar(255) not null,
  kind               text not null check (kind in ('api', 'event', 'webhook')),
  status             text not null default 'enabled' check (status in ('enabled', 'disabled')),
  event_type         varchar(200) not null default '' check ((kind = 'event') = (event_type <> '')),
  filter             text not null default '',
  input_mapping      jsonb not null default '{}',
  webhook_path       varchar(100),
  sealed_secret      bytea,
  grant_id           uuid not null,
  last_fired_at      timestamptz,
  run_count          integer not null default 0,
  failure_count      integer not null default 0,
  last_error_reason  text,
  created_by         uuid not null,
  updated_by         uuid not null,
  created_at         timestamptz not null default now(),
  updated_at         timestamptz not null default now(),
  deleted_at         timestamptz,
  revision           integer not null default 1,
  event_seq          bigint not null default 0,
  unique (tenant_id, id),
  check ((kind = 'webhook') = (webhook_path is not null and sealed_secret is not null)),
  foreign key (tenant_id, workflow_id) references workflows (tenant_id, id)
);
create unique index workflow_triggers_path on workflow_triggers (webhook_path) where webhook_path is not null;
create index workflow_triggers_newest on workflow_triggers (tenant_id, id desc) where deleted_at is null;
create index workflow_triggers_of_workflow on workflow_triggers (tenant_id, workflow_id, id desc) where deleted_at is null;
create index workflow_triggers_event on workflow_triggers (tenant_id, event_type)
  where kind = 'event' and status = 'enabled' and deleted_at is null;
select protect_tenant_table('workflow_triggers', 'select, insert, update');

-- How often a trigger went off within one trace: a chain of events that comes back to it ends.
alter table workflow_firings add column trace_id text generated always as (substr(traceparent, 4, 32)) stored;
create index workflow_firings_trace on workflow_firings (tenant_id, source_id, trace_id);

-- A webhook names its trigger by the path, before the tenant is known: one row, or none.
create function find_webhook(p_path text)
returns table (tenant_id uuid, id uuid, sealed_secret bytea)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select t.tenant_id, t.id, t.sealed_secret from workflow_triggers t
  where t.webhook_path = p_path and t.deleted_at is null
$$;
select allow_app('find_webhook(text)');
