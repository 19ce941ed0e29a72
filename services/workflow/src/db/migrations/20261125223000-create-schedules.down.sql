drop function forget_firings(interval, integer);
drop function late_schedules(interval, integer);
drop function claim_unsynced_schedules(integer, interval);
drop function claim_due_firings(integer, interval);
drop index workflow_instances_under_way;
alter table workflow_instances drop column causation_depth;
alter table workflow_instances drop column source_id;
drop table workflow_firings;
drop table workflow_schedules;
