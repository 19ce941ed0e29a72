drop function undriven_instances(interval, integer);
drop table saga_compensations;
drop table tasks;
drop table workflow_journal;
drop table workflow_instances;
drop table workflow_versions;
drop table workflows;
