drop index workflow_instances_by_starter;
alter table workflow_instances drop column tags;
