-- Derived from the journal together with the task, in one transaction: a foreign key told nothing more, and cost each undo a look.
alter table saga_compensations drop constraint saga_compensations_tenant_id_task_id_fkey;

create index workflow_instances_settled on workflow_instances (settled_at)
  where settled_at is not null and parent_instance_id is null;

-- Runs that were settled so long ago that nobody asks for them any more, each with all that is kept of it and of the runs
-- inside of it. What became of them stays in the audit log.
create function forget_runs(p_now timestamptz, p_keep interval, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  v_runs uuid[];
  v_table text;
  v_count bigint;
begin
  with recursive roots as (
    select i.id, i.tenant_id from workflow_instances i
    where i.settled_at < p_now - p_keep and i.parent_instance_id is null
      and not exists (select from workflow_instances c
        where c.tenant_id = i.tenant_id and c.parent_instance_id = i.id and c.settled_at is null)
    order by i.settled_at limit p_limit for update skip locked
  ),
  family as (
    select r.id, r.tenant_id, r.id as root, true as settled from roots r
    union all
    select c.id, c.tenant_id, f.root, c.settled_at is not null from family f
    join workflow_instances c on c.tenant_id = f.tenant_id and c.parent_instance_id = f.id
  )
  select array_agg(f.id) into v_runs from family f
  where f.root not in (select u.root from family u where not u.settled);
  foreach v_table in array array['approvals', 'saga_compensations', 'tasks', 'workflow_payloads', 'workflow_journal'] loop
    execute format('delete from %I t using workflow_instances i
      where i.id = any ($1) and t.tenant_id = i.tenant_id and t.instance_id = i.id', v_table) using v_runs;
  end loop;
  delete from workflow_instances where id = any (v_runs);
  get diagnostics v_count = row_count;
  return v_count;
end $$;
select allow_app('forget_runs(timestamptz, interval, integer)');
