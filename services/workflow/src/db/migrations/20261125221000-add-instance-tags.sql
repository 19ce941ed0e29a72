alter table workflow_instances add column tags text[] not null default '{}' check (cardinality(tags) <= 20);
create index workflow_instances_by_starter on workflow_instances (tenant_id, created_by, id desc);
