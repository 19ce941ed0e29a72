create table users (
  id             uuid primary key,
  tenant_id      uuid not null references tenants (id),
  email          text not null check (length(email) between 3 and 254),
  username       text not null default '' check (length(username) <= 100),
  first_name     text not null default '' check (length(first_name) <= 100),
  last_name      text not null default '' check (length(last_name) <= 100),
  status         text not null default 'active' check (status in ('active', 'inactive', 'suspended')),
  role           text not null default 'member' check (role in ('admin', 'member')),
  email_verified boolean not null default false,
  last_login_at  timestamptz(3),
  created_at     timestamptz(3) not null default now(),
  updated_at     timestamptz(3) not null default now(),
  deleted_at     timestamptz(3),
  revision       integer not null default 1 check (revision > 0),
  event_seq      bigint not null default 0,
  unique (tenant_id, id)
);
create unique index users_email on users (tenant_id, lower(email)) where deleted_at is null;
select protect_tenant_table('users', 'select, insert, update');

-- Apart from the user: whoever may read people need not be able to read hashes.
create table user_credentials (
  user_id             uuid primary key,
  tenant_id           uuid not null,
  password_hash       text not null check (password_hash like '$argon2id$%'),
  failed_attempts     integer not null default 0 check (failed_attempts >= 0),
  locked_until        timestamptz(3),
  password_changed_at timestamptz(3) not null default now(),
  created_at          timestamptz(3) not null default now(),
  updated_at          timestamptz(3) not null default now(),
  foreign key (tenant_id, user_id) references users (tenant_id, id)
);
select protect_tenant_table('user_credentials');
do $$ begin execute format('revoke select on user_credentials from %I', service_role('readonly')); end $$;
