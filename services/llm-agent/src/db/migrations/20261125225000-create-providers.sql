-- Where models are asked: a tenant's providers (owner_id is null), and users' own.
create table llm_providers (
  id                uuid primary key,
  tenant_id         uuid not null,
  owner_id          uuid,
  name              text not null check (length(name) between 1 and 255),
  slug              text not null check (slug ~ '^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$'),
  kind              text not null check (kind in ('openai', 'anthropic', 'ollama', 'openai_compatible', 'local')),
  base_url          text not null default '' check (length(base_url) <= 500),
  -- [{ "name": "…", "inputs": ["image", "pdf"] }]: none means any model.
  models            jsonb not null default '[]' check (jsonb_typeof(models) = 'array'),
  default_model     text not null default '' check (length(default_model) <= 100),
  timeout_ms        integer check (timeout_ms > 0),
  -- None means that there is no secret.
  secret_updated_at timestamptz(3),
  status            text not null default 'active' check (status in ('active', 'inactive')),
  created_by        text not null,
  created_at        timestamptz(3) not null default now(),
  updated_at        timestamptz(3) not null default now(),
  deleted_at        timestamptz(3),
  revision          integer not null default 1 check (revision > 0),
  event_seq         bigint not null default 0,
  unique (tenant_id, id)
);
create unique index llm_providers_slug on llm_providers (tenant_id, slug, owner_id) nulls not distinct
  where deleted_at is null;
select protect_tenant_table('llm_providers', 'select, insert, update');
-- A user's own providers are seen by nobody else, administrators included.
create policy own_or_shared on llm_providers as restrictive for all to public
  using (owner_id is null
    or coalesce(current_setting('app.current_user_id', true), '') = ''
    or owner_id = (select nullif(current_setting('app.current_user_id', true), '')::uuid));

-- Their secrets, in envelopes (libs/secrets) that are bound to the provider and to the origin of its address. A table of
-- its own, for wrapping a data key again is no change of the resource.
create table provider_secrets (
  tenant_id   uuid not null,
  provider_id uuid not null,
  sealed      bytea not null,
  primary key (tenant_id, provider_id),
  foreign key (tenant_id, provider_id) references llm_providers (tenant_id, id)
);
select protect_tenant_table('provider_secrets');

-- What was last seen of them. Apart from the resource: it changes by itself, without an audit event and a revision.
create table provider_health (
  tenant_id     uuid not null,
  provider_id   uuid not null,
  state         text not null check (state in ('healthy', 'unhealthy')),
  checked_at    timestamptz(3) not null,
  error_reason  text not null default '',
  error_message text not null default '' check (length(error_message) <= 2000),
  error_at      timestamptz(3),
  primary key (tenant_id, provider_id),
  foreign key (tenant_id, provider_id) references llm_providers (tenant_id, id)
);
select protect_tenant_table('provider_health', 'select, insert, update');

-- Secrets of any tenant whose data keys are wrapped by another key than this one.
create function secrets_to_rewrap(p_key bytea, p_limit integer)
returns table (provider_id uuid, tenant_id uuid)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select s.provider_id, s.tenant_id from provider_secrets s
  where substring(s.sealed from 2 for 8) <> p_key
  order by s.provider_id limit p_limit
$$;
select allow_app('secrets_to_rewrap(bytea, integer)');
