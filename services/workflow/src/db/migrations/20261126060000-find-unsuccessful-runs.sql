-- Lists of runs that failed, were cancelled or ran out of time: few among many, and none of those that complete pays for it.
create index workflow_instances_unsuccessful on workflow_instances (tenant_id, id desc)
  where status in ('failed', 'cancelled', 'timeout');
