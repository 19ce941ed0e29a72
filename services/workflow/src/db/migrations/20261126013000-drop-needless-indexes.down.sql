alter table tasks add unique (tenant_id, id);
create index workflow_instances_newest on workflow_instances (tenant_id, id desc);
create unique index workflow_journal_seq on workflow_journal (instance_id, seq);
