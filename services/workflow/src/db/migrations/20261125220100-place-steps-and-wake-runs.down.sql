drop function unwoken_instances(interval, integer);
alter table workflow_instances drop column wake_wanted_at;
drop index tasks_visit;
drop index saga_compensations_visit;
alter table tasks drop column path;
alter table saga_compensations drop column path;
alter table tasks add unique (tenant_id, instance_id, step_id, visit);
alter table saga_compensations add unique (tenant_id, instance_id, step_id, visit);
