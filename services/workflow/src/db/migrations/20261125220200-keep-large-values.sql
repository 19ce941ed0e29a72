-- Values of a run's journal that are too large to lie in it: by the place of their entry, and the entry's field.
create table workflow_payloads (
  tenant_id    uuid not null,
  instance_id  uuid not null,
  seq          integer not null check (seq > 0),
  field        text not null,
  -- JSON. Not jsonb: nobody looks inside, and reading it back costs less.
  value        text not null,
  created_at   timestamptz not null default now(),
  primary key (tenant_id, instance_id, seq, field),
  foreign key (tenant_id, instance_id) references workflow_instances (tenant_id, id)
);
select protect_tenant_table('workflow_payloads', 'select, insert');

-- Where a task's value is large: the place of the journal's entry that it lies beside.
alter table tasks add column input_at integer;
alter table tasks add column output_at integer;
