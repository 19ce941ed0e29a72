-- Where a step stands in its run; null: at the root, where the path is the step's id.
alter table tasks add column path text;
alter table saga_compensations add column path text;

-- Two items of a map visit the same step: what is unique is a visit of a path.
create unique index tasks_visit on tasks (tenant_id, instance_id, (coalesce(path, step_id)), visit);
create unique index saga_compensations_visit on saga_compensations (tenant_id, instance_id, (coalesce(path, step_id)), visit);
alter table tasks drop constraint tasks_tenant_id_instance_id_step_id_visit_key;
alter table saga_compensations drop constraint saga_compensations_tenant_id_instance_id_step_id_visit_key;

-- When a command moved the run without its driver; null: the driver has been told since.
alter table workflow_instances add column wake_wanted_at timestamptz;
create index workflow_instances_unwoken on workflow_instances (wake_wanted_at) where wake_wanted_at is not null;

-- The sweep looks over all tenants, at ids only: runs whose driver may not have heard of what a command did.
create function unwoken_instances(older_than interval, at_most integer)
returns table (tenant_id uuid, instance_id uuid) language sql stable security definer
set search_path = pg_catalog, pg_temp as $$
  select i.tenant_id, i.id from public.workflow_instances i
  where i.wake_wanted_at < now() - older_than and i.driver_started_at is not null
  order by i.wake_wanted_at limit at_most
$$;
select allow_app('unwoken_instances(interval, integer)');
