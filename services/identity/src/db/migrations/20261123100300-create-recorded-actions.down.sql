drop function forget_recorded_actions(timestamptz, integer);
drop table recorded_actions;
