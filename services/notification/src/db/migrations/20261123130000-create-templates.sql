create table notification_templates (
  id         uuid primary key,
  tenant_id  uuid not null,
  name       text not null check (length(name) between 1 and 255),
  channel    text not null check (channel in ('email', 'sms', 'webhook', 'in_app')),
  subject    text not null default '' check (length(subject) <= 500),
  body       text not null check (length(body) between 1 and 100000),
  variables  text[] not null default '{}' check (cardinality(variables) <= 100),
  status     text not null default 'active' check (status in ('active', 'inactive')),
  revision   integer not null default 1 check (revision > 0),
  event_seq  bigint not null default 0,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  deleted_at timestamptz(3),
  unique (tenant_id, id),
  constraint notification_templates_email_subject check (channel <> 'email' or subject <> '')
);
create unique index notification_templates_name on notification_templates (tenant_id, name) where deleted_at is null;
create index notification_templates_newest on notification_templates (tenant_id, id desc) where deleted_at is null;
select protect_tenant_table('notification_templates', 'select, insert, update');

create table notification_subscriptions (
  id                uuid primary key,
  tenant_id         uuid not null,
  event_type        text not null check (length(event_type) between 1 and 200),
  filter            text not null default '' check (length(filter) <= 4000),
  template_id       uuid not null,
  -- None: whoever the event names as its creator.
  recipient_id      uuid,
  recipient_address text not null default '' check (length(recipient_address) <= 254),
  -- { template variable: CEL over the event }
  variables         jsonb not null default '{}' check (jsonb_typeof(variables) = 'object'),
  created_by        uuid,
  revision          integer not null default 1 check (revision > 0),
  event_seq         bigint not null default 0,
  created_at        timestamptz(3) not null default now(),
  updated_at        timestamptz(3) not null default now(),
  deleted_at        timestamptz(3),
  unique (tenant_id, id),
  foreign key (tenant_id, template_id) references notification_templates (tenant_id, id)
);
create index notification_subscriptions_event on notification_subscriptions (tenant_id, event_type, id desc) where deleted_at is null;
create index notification_subscriptions_template on notification_subscriptions (tenant_id, template_id) where deleted_at is null;
select protect_tenant_table('notification_subscriptions', 'select, insert, update');
