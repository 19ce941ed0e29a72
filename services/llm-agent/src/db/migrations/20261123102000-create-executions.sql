create table executions (
  id                  uuid primary key,
  tenant_id           uuid not null,
  agent_id            uuid not null,
  agent_version       integer not null,
  status              text not null check (status in ('pending', 'running', 'completed', 'failed', 'cancelled', 'timeout')),
  prompt              text not null check (length(prompt) > 0),
  response            text not null default '',
  output              jsonb,
  prompt_tokens       integer not null default 0 check (prompt_tokens >= 0),
  completion_tokens   integer not null default 0 check (completion_tokens >= 0),
  latency_ms          integer check (latency_ms >= 0),
  cost_usd            numeric(24, 12) check (cost_usd >= 0),
  error_reason        text not null default '',
  error_message       text not null default '',
  attempts            integer not null default 0 check (attempts >= 0),
  created_by          text not null,
  created_at          timestamptz(3) not null default now(),
  updated_at          timestamptz(3) not null default now(),
  started_at          timestamptz(3),
  completed_at        timestamptz(3),
  deadline_at         timestamptz(3) not null,
  -- The process that runs it. It alone writes while its lease lasts; afterwards the sweep ends the execution.
  lease_owner         text not null,
  lease_expires_at    timestamptz not null,
  heartbeat_at        timestamptz not null default now(),
  cancel_requested_at timestamptz(3),
  -- The cursor of the latest row in execution_updates.
  last_cursor         bigint not null default 0,
  revision            integer not null default 1,
  event_seq           bigint not null default 0,
  unique (tenant_id, id),
  foreign key (tenant_id, agent_id, agent_version) references agent_versions (tenant_id, agent_id, version),
  check ((completed_at is null) = (status in ('pending', 'running'))),
  check (status <> 'failed' or error_reason <> '')
);
create index executions_agent on executions (tenant_id, agent_id, id);
create index executions_unfinished on executions (lease_expires_at) where status in ('pending', 'running');
select protect_tenant_table('executions', 'select, insert, update');

-- What streams were told, so that any replica can go on after a cursor.
create table execution_updates (
  tenant_id    uuid not null,
  execution_id uuid not null,
  cursor       bigint not null check (cursor > 0),
  kind         text not null check (kind in ('started', 'text', 'restarted', 'finished')),
  text         text not null default '',
  attempt      integer not null default 0,
  created_at   timestamptz(3) not null default now(),
  primary key (tenant_id, execution_id, cursor),
  foreign key (tenant_id, execution_id) references executions (tenant_id, id)
);
create index execution_updates_created_at on execution_updates (created_at);
select protect_tenant_table('execution_updates', 'select, insert');

-- The ledger: committed before the call, settled after it.
create table provider_attempts (
  id                uuid primary key,
  tenant_id         uuid not null,
  execution_id      uuid not null,
  attempt           integer not null check (attempt > 0),
  provider          text not null,
  model             text not null,
  status            text not null check (status in ('started', 'succeeded', 'failed', 'unknown')),
  prompt_tokens     integer not null default 0 check (prompt_tokens >= 0),
  completion_tokens integer not null default 0 check (completion_tokens >= 0),
  cost_usd          numeric(24, 12) check (cost_usd >= 0),
  error_reason      text not null default '',
  started_at        timestamptz(3) not null,
  completed_at      timestamptz(3),
  created_at        timestamptz(3) not null default now(),
  updated_at        timestamptz(3) not null default now(),
  unique (tenant_id, execution_id, attempt),
  foreign key (tenant_id, execution_id) references executions (tenant_id, id),
  check ((completed_at is null) = (status = 'started'))
);
select protect_tenant_table('provider_attempts', 'select, insert, update');

-- Keeps the leases of a process over all tenants; answers which executions are still its own and which are to be cancelled.
create function renew_leases(p_owner text, p_lease interval, p_ids uuid[])
returns table (id uuid, cancel_requested boolean)
language sql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
  update executions e set heartbeat_at = now(), lease_expires_at = now() + p_lease
  where e.id = any (p_ids) and e.lease_owner = p_owner and e.status in ('pending', 'running')
  returning e.id, e.cancel_requested_at is not null
$$;
select allow_app('renew_leases(text, interval, uuid[])');

-- Executions whose process let its lease run out, of any tenant.
create function lost_executions(p_limit integer)
returns table (id uuid, tenant_id uuid)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select e.id, e.tenant_id from executions e
  where e.status in ('pending', 'running') and e.lease_expires_at < now()
  order by e.lease_expires_at limit p_limit
$$;
select allow_app('lost_executions(integer)');

-- Streams of what finished long ago are forgotten; the execution itself keeps its answer.
create function forget_execution_updates(p_keep interval, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  v_forgotten bigint;
begin
  delete from execution_updates where ctid = any (array(
    select ctid from execution_updates where created_at < now() - p_keep limit p_limit));
  get diagnostics v_forgotten = row_count;
  return v_forgotten;
end $$;
select allow_app('forget_execution_updates(interval, integer)');
