-- A run that fails, is cancelled or runs out of time says why, and no other run does. Said by its status, the index was in the way of
-- the move that begins a run, which changes the status: that wrote a new entry into every index of the table, for every run.
drop index workflow_instances_unsuccessful;
create index workflow_instances_unsuccessful on workflow_instances (tenant_id, id desc) where error_reason is not null;
