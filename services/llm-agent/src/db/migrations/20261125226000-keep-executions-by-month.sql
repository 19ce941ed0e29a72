-- contract: the tables keep their names and columns; no code uses the keys that go.
-- Executions and the ledger are kept by month, by the execution's id: a UUID v7 sorts by time, so every look-up by id
-- reads one partition, and unique keys need no further column. Rows of execution_updates live for a day: they stay in
-- a plain table. What belongs to an execution is written in transactions that hold its row, and goes with its month.
alter table provider_attempts drop constraint provider_attempts_pkey;
alter table provider_attempts drop constraint provider_attempts_tenant_id_execution_id_attempt_key;
alter table provider_attempts add primary key (tenant_id, execution_id, attempt);
alter table provider_attempts drop constraint provider_attempts_tenant_id_execution_id_fkey;
alter table execution_updates drop constraint execution_updates_tenant_id_execution_id_fkey;

select partition_by_month('executions', 'id', 'select, insert, update');
select partition_by_month('provider_attempts', 'execution_id', 'select, insert, update');

-- Makes the months ahead; forgets those that are older than p_keep, all tenants' together. Returns what was dropped.
create function maintain_executions(p_now timestamptz, p_keep interval) returns setof text
language sql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
  select maintain_month_partitions('provider_attempts', p_now, p_keep)
  union all
  select maintain_month_partitions('executions', p_now, p_keep)
$$;
select allow_app('maintain_executions(timestamptz, interval)');
