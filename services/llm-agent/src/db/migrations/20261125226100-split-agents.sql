alter table agents
  -- [{ "capability": "…", "proficiencyLevel": 0…1 }]
  add column capabilities jsonb not null default '[]' check (jsonb_typeof(capabilities) = 'array'),
  add column tools text[] not null default '{}' check (cardinality(tools) <= 50),
  add column memory_enabled boolean not null default false,
  -- { "id": "…", "arms": [{ "version": > 0, "weight": > 0 }] }: which versions run side by side.
  add column split jsonb check (jsonb_typeof(split) = 'object');
alter table agent_versions add column tools text[] not null default '{}';

alter table executions
  -- Of the version that ran. Empty in rows of before.
  add column content_hash text not null default '',
  add column split_id uuid;
create index executions_split on executions (tenant_id, split_id, agent_version) where split_id is not null;
