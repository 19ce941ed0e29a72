-- What a run waits for people to say. Its outcome is in the journal of the run, written in the same transaction.
create table approvals (
  id               uuid primary key,
  tenant_id        uuid not null,
  instance_id      uuid not null,
  path             text not null,
  step_id          varchar(255) not null,
  visit            integer not null check (visit > 0),
  status           text not null default 'pending' check (status in ('pending', 'approved', 'rejected', 'expired', 'cancelled')),
  title            text not null,
  message          text not null default '',
  -- Named by the step. Whose say counts now follows from the delegations; it is kept beside them for the lists of people.
  named_ids        uuid[] not null,
  approver_ids     uuid[] not null,
  -- Have handed their say to somebody else, also where a permission would give them one.
  absent_ids       uuid[] not null default '{}',
  permission       text,
  quorum           integer not null check (quorum > 0),
  rejections       integer not null check (rejections > 0),
  exclude_starter  boolean not null,
  started_by       uuid not null,
  form_schema      jsonb,
  expires_at       timestamptz(3),
  on_expiry        text not null check (on_expiry in ('approve', 'reject', 'fail')),
  decisions        jsonb not null default '[]',
  delegations      jsonb not null default '[]',
  closed_at        timestamptz(3),
  created_at       timestamptz(3) not null default now(),
  updated_at       timestamptz not null default now(),
  revision         integer not null default 1,
  event_seq        bigint not null default 0,
  unique (tenant_id, id),
  unique (tenant_id, instance_id, path, visit),
  foreign key (tenant_id, instance_id) references workflow_instances (tenant_id, id)
);
create index approvals_newest on approvals (tenant_id, id desc);
create index approvals_pending on approvals (tenant_id, id desc) where status = 'pending';
select protect_tenant_table('approvals', 'select, insert, update');
