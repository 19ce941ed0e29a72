drop index workflow_instances_by_starter;
drop index workflow_instances_of_workflow;
create index workflow_instances_of_workflow on workflow_instances (tenant_id, workflow_id, id desc);
create index workflow_instances_by_starter on workflow_instances (tenant_id, created_by, id desc);
