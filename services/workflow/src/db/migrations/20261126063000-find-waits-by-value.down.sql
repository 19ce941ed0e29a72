alter table workflow_triggers drop column listens_since;
create index workflow_event_waits_of_type on workflow_event_waits (tenant_id, event_type);
drop index workflow_event_waits_by_key;
alter table workflow_event_waits drop column waits_since, drop column key_hash, drop column key_field;
