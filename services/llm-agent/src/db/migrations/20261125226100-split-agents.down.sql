drop index executions_split;
alter table executions drop column content_hash, drop column split_id;
alter table agent_versions drop column tools;
alter table agents drop column capabilities, drop column tools, drop column memory_enabled, drop column split;
