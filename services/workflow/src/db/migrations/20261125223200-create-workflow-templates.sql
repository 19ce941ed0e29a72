create table workflow_templates (
  id                   uuid primary key,
  tenant_id            uuid not null,
  name                 varchar(255) not null,
  display_name         varchar(255) not null,
  description          text not null default '',
  category             varchar(100) not null,
  template_definition  jsonb not null,
  parameters           jsonb not null default '{}',
  tags                 text[] not null default '{}',
  is_active            boolean not null default true,
  usage_count          integer not null default 0,
  -- The average of the ratings; 0 without one.
  rating               numeric(2, 1) not null default 0,
  rating_count         integer not null default 0,
  created_by           uuid not null,
  created_at           timestamptz not null default now(),
  updated_at           timestamptz not null default now(),
  deleted_at           timestamptz,
  revision             integer not null default 1,
  event_seq            bigint not null default 0,
  unique (tenant_id, id)
);
create unique index workflow_templates_name on workflow_templates (tenant_id, name) where deleted_at is null;
create index workflow_templates_newest on workflow_templates (tenant_id, id desc) where deleted_at is null;
select protect_tenant_table('workflow_templates', 'select, insert, update');

create table workflow_template_ratings (
  tenant_id    uuid not null,
  template_id  uuid not null,
  user_id      uuid not null,
  stars        integer not null check (stars between 1 and 5),
  rated_at     timestamptz not null default now(),
  primary key (tenant_id, template_id, user_id),
  foreign key (tenant_id, template_id) references workflow_templates (tenant_id, id)
);
select protect_tenant_table('workflow_template_ratings', 'select, insert, update');
