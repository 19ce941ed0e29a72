drop index workflow_instances_unsuccessful;
create index workflow_instances_unsuccessful on workflow_instances (tenant_id, id desc)
  where status in ('failed', 'cancelled', 'timeout');
