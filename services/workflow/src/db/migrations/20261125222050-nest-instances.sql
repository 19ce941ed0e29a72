-- A run that a step of another run started. It acts by the grant of that run.
alter table workflow_instances
  add column parent_instance_id uuid,
  add column parent_path text,
  add column parent_visit integer,
  -- Of the step that started it: a visit of a step starts one run.
  add column parent_effect_key text,
  add column depth integer not null default 0 check (depth between 0 and 5);
alter table workflow_instances add constraint workflow_instances_parent
  foreign key (tenant_id, parent_instance_id) references workflow_instances (tenant_id, id);
create unique index workflow_instances_child on workflow_instances (tenant_id, parent_effect_key) where parent_effect_key is not null;
create index workflow_instances_of_parent on workflow_instances (tenant_id, parent_instance_id, id desc) where parent_instance_id is not null;

-- The grant of a run is that of the runs inside it, and ends with the outermost.
drop trigger end_grant on workflow_instances;
create trigger end_grant after update of settled_at, grant_id on workflow_instances for each row
  when (new.parent_instance_id is null
    and ((old.settled_at is null and new.settled_at is not null) or old.grant_id <> new.grant_id))
  execute function end_grant();
