drop function forget_waiting(timestamptz);
drop index executions_replay;
