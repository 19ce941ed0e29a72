drop function grants_to_revoke(integer);
drop trigger end_grant on workflow_instances;
drop function end_grant();
drop table ended_grants;
drop function silent_instances(interval, integer);
drop index workflow_instances_driver_seen;
alter table workflow_instances drop column driver_seen_at;
