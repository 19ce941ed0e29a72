create table tenants (
  id                 uuid primary key,
  -- A tenant belongs to itself: its row is under the same policy as everything that it owns.
  tenant_id          uuid not null check (tenant_id = id),
  name               text not null check (length(name) between 1 and 255),
  slug               text not null check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  status             text not null default 'active' check (status in ('active', 'suspended', 'deleted')),
  plan               text not null default 'free' check (plan in ('free', 'starter', 'pro', 'enterprise')),
  max_agents         integer not null check (max_agents > 0),
  max_daily_requests integer not null check (max_daily_requests > 0),
  max_monthly_tokens bigint not null check (max_monthly_tokens > 0),
  contact_email      text not null default '' check (length(contact_email) <= 254),
  contact_name       text not null default '' check (length(contact_name) <= 255),
  settings           jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
  -- The tenant that runs the installation.
  operator           boolean not null default false,
  created_at         timestamptz(3) not null default now(),
  updated_at         timestamptz(3) not null default now(),
  deleted_at         timestamptz(3),
  revision           integer not null default 1 check (revision > 0),
  event_seq          bigint not null default 0
);
-- Over the whole installation: people name their tenant when they log in.
create unique index tenants_slug on tenants (slug);
create unique index tenants_operator on tenants (operator) where operator;
select protect_tenant_table('tenants', 'select, insert, update');

-- Before the tenant is known there is no row to be seen; these look-ups answer at most one.
create function tenant_by_slug(p_slug text)
returns table (tenant_id uuid, status text, operator boolean)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select t.id, t.status, t.operator from public.tenants t where t.slug = p_slug
$$;
select allow_app('tenant_by_slug(text)');
