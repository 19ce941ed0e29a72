drop function forget_execution_updates(interval, integer);
drop function lost_executions(integer);
drop function renew_leases(text, interval, uuid[]);
drop table provider_attempts;
drop table execution_updates;
drop table executions;
