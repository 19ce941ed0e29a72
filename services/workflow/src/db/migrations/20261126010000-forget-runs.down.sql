drop function forget_runs(timestamptz, interval, integer);
drop index workflow_instances_settled;
alter table saga_compensations add foreign key (tenant_id, task_id) references tasks (tenant_id, id);
