create table validation_rules (
  id            uuid primary key,
  tenant_id     uuid not null,
  name          text not null check (length(name) between 1 and 255),
  description   text not null default '' check (length(description) <= 4000),
  rule_type     text not null check (rule_type in ('regex', 'nlp', 'length', 'custom', 'composite')),
  configuration jsonb not null check (jsonb_typeof(configuration) = 'object'),
  severity      text not null default 'error' check (severity in ('error', 'warning', 'info')),
  weight        double precision not null default 1 check (weight between 0 and 1),
  status        text not null default 'active' check (status in ('active', 'inactive')),
  revision      integer not null default 1 check (revision > 0),
  event_seq     bigint not null default 0,
  created_at    timestamptz(3) not null default now(),
  updated_at    timestamptz(3) not null default now(),
  deleted_at    timestamptz(3),
  unique (tenant_id, id)
);
create unique index validation_rules_name on validation_rules (tenant_id, name) where deleted_at is null;
create index validation_rules_newest on validation_rules (tenant_id, id desc) where deleted_at is null;
select protect_tenant_table('validation_rules', 'select, insert, update');
