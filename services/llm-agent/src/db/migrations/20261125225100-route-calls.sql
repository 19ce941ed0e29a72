-- How an agent's calls are routed: { "fallbacks": [{ "provider", "model" }], "hopOnRefusal", "cacheTtlMs" }.
alter table agents add column routing jsonb not null default '{}' check (jsonb_typeof(routing) = 'object');
-- From where to where an execution went on, and why; and whether its answer was kept from before.
alter table executions
  add column hops jsonb not null default '[]' check (jsonb_typeof(hops) = 'array'),
  add column cached boolean not null default false;
-- Why this call was made after another one (empty for the first), and whether it was answered without the provider.
alter table provider_attempts
  add column because text not null default '',
  add column cached boolean not null default false;
