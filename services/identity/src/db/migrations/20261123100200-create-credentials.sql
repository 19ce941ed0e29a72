-- Of tokens and keys only the SHA-256 is kept: they are random, so a slow hash would add nothing.
create table sessions (
  id         uuid primary key,
  tenant_id  uuid not null,
  user_id    uuid not null,
  token_hash text not null check (token_hash ~ '^[0-9a-f]{64}$'),
  expires_at timestamptz(3) not null,
  revoked_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create unique index sessions_token on sessions (token_hash);
create index sessions_user on sessions (tenant_id, user_id) where revoked_at is null;
create index sessions_end on sessions (expires_at);
select protect_tenant_table('sessions', 'select, insert, update');

create table api_keys (
  id           uuid primary key,
  tenant_id    uuid not null,
  user_id      uuid not null,
  name         text not null check (length(name) between 1 and 255),
  key_hash     text not null check (key_hash ~ '^[0-9a-f]{64}$'),
  key_prefix   text not null check (length(key_prefix) between 4 and 16),
  -- None: whatever the user may.
  scopes       text[] not null default '{}' check (cardinality(scopes) <= 100),
  status       text not null default 'active' check (status in ('active', 'revoked')),
  expires_at   timestamptz(3),
  last_used_at timestamptz(3),
  revoked_at   timestamptz(3),
  created_at   timestamptz(3) not null default now(),
  updated_at   timestamptz(3) not null default now(),
  deleted_at   timestamptz(3),
  revision     integer not null default 1 check (revision > 0),
  event_seq    bigint not null default 0,
  check ((status = 'revoked') = (revoked_at is not null)),
  foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create unique index api_keys_hash on api_keys (key_hash);
create index api_keys_user on api_keys (tenant_id, user_id) where revoked_at is null;
create index api_keys_page on api_keys (tenant_id, id);
select protect_tenant_table('api_keys', 'select, insert, update');

-- A service may act for a user, for one purpose, until this is taken back.
create table grants (
  id          uuid primary key,
  tenant_id   uuid not null,
  user_id     uuid not null,
  service     text not null check (length(service) between 1 and 63),
  purpose     text not null check (length(purpose) between 1 and 200),
  -- What the user's token allowed then; what the user may do now is looked up when the grant is used.
  permissions text[] not null,
  created_at  timestamptz(3) not null default now(),
  revoked_at  timestamptz(3),
  foreign key (tenant_id, user_id) references users (tenant_id, id)
);
create unique index grants_purpose on grants (tenant_id, service, purpose) where revoked_at is null;
create index grants_user on grants (tenant_id, user_id) where revoked_at is null;
select protect_tenant_table('grants', 'select, insert, update');

do $$ begin
  execute format('revoke select on sessions, api_keys, grants from %I', service_role('readonly'));
  execute format('grant select (id, tenant_id, user_id, name, key_prefix, scopes, status, expires_at, last_used_at, created_at)
    on api_keys to %I', service_role('readonly'));
end $$;

-- What an exchange needs to know about a credential and about whom it stands for, found by the credential alone.
create function api_key_by_hash(p_hash text)
returns table (id uuid, tenant_id uuid, user_id uuid, scopes text[], revoked_at timestamptz, expires_at timestamptz,
  last_used_at timestamptz, tenant_status text, operator boolean, user_status text, user_role text, user_deleted_at timestamptz)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select k.id, k.tenant_id, k.user_id, k.scopes, k.revoked_at, k.expires_at, k.last_used_at,
    t.status, t.operator, u.status, u.role, u.deleted_at
  from public.api_keys k
  join public.users u on u.tenant_id = k.tenant_id and u.id = k.user_id
  join public.tenants t on t.id = k.tenant_id
  where k.key_hash = p_hash
$$;
create function session_by_hash(p_hash text)
returns table (id uuid, tenant_id uuid, user_id uuid, revoked_at timestamptz, expires_at timestamptz,
  tenant_status text, operator boolean, user_status text, user_role text, user_deleted_at timestamptz)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select s.id, s.tenant_id, s.user_id, s.revoked_at, s.expires_at,
    t.status, t.operator, u.status, u.role, u.deleted_at
  from public.sessions s
  join public.users u on u.tenant_id = s.tenant_id and u.id = s.user_id
  join public.tenants t on t.id = s.tenant_id
  where s.token_hash = p_hash
$$;
create function grant_of_service(p_id uuid, p_service text)
returns table (id uuid, tenant_id uuid, user_id uuid, permissions text[], revoked_at timestamptz,
  tenant_status text, operator boolean, user_status text, user_role text, user_deleted_at timestamptz)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select g.id, g.tenant_id, g.user_id, g.permissions, g.revoked_at,
    t.status, t.operator, u.status, u.role, u.deleted_at
  from public.grants g
  join public.users u on u.tenant_id = g.tenant_id and u.id = g.user_id
  join public.tenants t on t.id = g.tenant_id
  where g.id = p_id and g.service = p_service
$$;
-- Housekeeping over all tenants; returns how many sessions went.
create function forget_ended_sessions(p_before timestamptz, p_limit integer) returns integer
language sql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
  with gone as (
    delete from public.sessions where id in (select id from public.sessions where expires_at < p_before limit p_limit)
    returning 1
  )
  select count(*)::integer from gone
$$;
select allow_app('api_key_by_hash(text)');
select allow_app('session_by_hash(text)');
select allow_app('grant_of_service(uuid, text)');
select allow_app('forget_ended_sessions(timestamptz, integer)');
