drop function find_webhook(text);
drop index workflow_firings_trace;
alter table workflow_firings drop column trace_id;
drop table workflow_triggers;
