-- What is known of the agents of llm-agent by their events, to check definitions and to show names. Never the truth about them.
create table workflow_agent_cache (
  tenant_id       uuid not null,
  agent_id        uuid not null,
  agent_name      varchar(255) not null,
  slug            varchar(100) not null,
  status          text not null check (status in ('active', 'inactive', 'archived')),
  version         integer not null check (version > 0),
  output_schema   jsonb,
  -- The place of the event among those of its agent: an older one changes nothing.
  event_seq       bigint not null,
  last_synced_at  timestamptz not null default now(),
  -- A removed agent leaves a tombstone.
  deleted_at      timestamptz,
  primary key (tenant_id, agent_id)
);
-- Not unique: the removal of a slug's old owner may be heard of after its new one.
create index workflow_agent_cache_slug on workflow_agent_cache (tenant_id, slug) where deleted_at is null;
select protect_tenant_table('workflow_agent_cache', 'select, insert, update');
