create table agents (
  id            uuid primary key,
  tenant_id     uuid not null,
  name          text not null check (length(name) between 1 and 255),
  slug          text not null check (slug ~ '^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$'),
  description   text not null default '' check (length(description) <= 4000),
  provider      text not null check (length(provider) between 1 and 50),
  model         text not null check (length(model) between 1 and 100),
  -- { "temperature": 0…2, "maxTokens": > 0, "topP": 0…1, "seed": "…" }: what is not set is left to the provider.
  parameters    jsonb not null default '{}'
    check (jsonb_typeof(parameters) = 'object')
    check (coalesce((parameters ->> 'temperature')::numeric between 0 and 2, true))
    check (coalesce((parameters ->> 'maxTokens')::numeric > 0, true))
    check (coalesce((parameters ->> 'topP')::numeric between 0 and 1, true)),
  system_prompt text not null check (length(system_prompt) > 0),
  output_schema jsonb check (jsonb_typeof(output_schema) = 'object'),
  -- { "timeoutMs": > 0, "maxAttempts": > 0 }: what is not set is the service's default.
  limits        jsonb not null default '{}'
    check (jsonb_typeof(limits) = 'object')
    check (coalesce((limits ->> 'timeoutMs')::numeric > 0, true))
    check (coalesce((limits ->> 'maxAttempts')::numeric > 0, true)),
  status        text not null default 'active' check (status in ('active', 'inactive', 'archived')),
  tags          text[] not null default '{}' check (cardinality(tags) <= 50),
  version       integer not null default 1 check (version > 0),
  created_by    text not null,
  created_at    timestamptz(3) not null default now(),
  updated_at    timestamptz(3) not null default now(),
  deleted_at    timestamptz(3),
  revision      integer not null default 1 check (revision > 0),
  event_seq     bigint not null default 0,
  unique (tenant_id, id)
);
create unique index agents_slug on agents (tenant_id, slug) where deleted_at is null;
select protect_tenant_table('agents', 'select, insert, update');

create table agent_versions (
  id            uuid primary key,
  tenant_id     uuid not null,
  agent_id      uuid not null,
  version       integer not null check (version > 0),
  content_hash  text not null check (content_hash ~ '^[0-9a-f]{64}$'),
  provider      text not null,
  model         text not null,
  parameters    jsonb not null,
  system_prompt text not null,
  output_schema jsonb,
  created_at    timestamptz(3) not null default now(),
  unique (tenant_id, agent_id, version),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id)
);
-- A version is what was: it is never changed.
select protect_tenant_table('agent_versions', 'select, insert');
