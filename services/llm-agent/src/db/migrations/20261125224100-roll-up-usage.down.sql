drop function roll_up_usage(integer);
drop function usage_rows(date, date);
drop index provider_attempts_started_at;
drop index provider_attempts_to_roll_up;
alter table provider_attempts drop column rolled_up;
drop table daily_usage;
