drop trigger end_grant on workflow_instances;
create trigger end_grant after update of settled_at, grant_id on workflow_instances for each row
  when ((old.settled_at is null and new.settled_at is not null) or old.grant_id <> new.grant_id)
  execute function end_grant();
alter table workflow_instances
  drop constraint workflow_instances_parent,
  drop column parent_instance_id, drop column parent_path, drop column parent_visit, drop column parent_effect_key,
  drop column depth;
