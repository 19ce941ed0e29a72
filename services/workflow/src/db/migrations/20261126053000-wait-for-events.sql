-- Steps that wait for an event, until they have their outcome. What a step waits for is in the journal of its run; this finds it.
create table workflow_event_waits (
  tenant_id    uuid not null,
  instance_id  uuid not null,
  path         text not null,
  step_id      varchar(255) not null,
  visit        integer not null check (visit > 0),
  event_type   text not null,
  -- CEL over the event, and over what it speaks of of the run, as that was when the step began.
  condition    text not null,
  known        jsonb not null,
  created_at   timestamptz(3) not null default now(),
  primary key (tenant_id, instance_id, path, visit),
  foreign key (tenant_id, instance_id) references workflow_instances (tenant_id, id)
);
create index workflow_event_waits_of_type on workflow_event_waits (tenant_id, event_type);
select protect_tenant_table('workflow_event_waits', 'select, insert, delete');
