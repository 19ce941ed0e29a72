alter table provider_attempts
  -- [{ "id": "…", "name": "…", "arguments": "…" }]: what the model wanted called, for replays and conversations.
  add column answer_tool_calls jsonb check (jsonb_typeof(answer_tool_calls) = 'array');

-- Calls of tools: committed before the call, settled after it.
create table tool_calls (
  tenant_id     uuid not null,
  execution_id  uuid not null,
  -- The round of calls, and the place in it.
  iteration     integer not null check (iteration > 0),
  place         integer not null check (place > 0),
  -- The call at the provider that asked for it.
  attempt       integer not null check (attempt > 0),
  call_id       text not null,
  name          text not null,
  arguments     text not null,
  status        text not null check (status in ('started', 'succeeded', 'failed', 'unknown')),
  result        text not null default '',
  error_reason  text not null default '',
  started_at    timestamptz(3) not null,
  completed_at  timestamptz(3),
  primary key (tenant_id, execution_id, iteration, place),
  check ((completed_at is null) = (status = 'started'))
);
select protect_tenant_table('tool_calls', 'select, insert, update');
select partition_by_month('tool_calls', 'execution_id', 'select, insert, update');

create or replace function maintain_executions(p_now timestamptz, p_keep interval) returns setof text
language sql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
  select maintain_month_partitions('tool_calls', p_now, p_keep)
  union all
  select maintain_month_partitions('provider_attempts', p_now, p_keep)
  union all
  select maintain_month_partitions('executions', p_now, p_keep)
$$;

-- As before, and with what tools were told and said.
create or replace function purge_conversations(p_now timestamptz, p_keep interval, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  v_purged bigint := 0;
  v_one record;
  v_executions uuid[];
begin
  for v_one in
    select c.tenant_id, c.id from conversations c
    where c.deleted_at < p_now - p_keep and c.purged_at is null and c.running_execution_id is null
    order by c.deleted_at limit p_limit for update skip locked
  loop
    v_executions := array(select e.id from executions e where e.tenant_id = v_one.tenant_id and e.conversation_id = v_one.id);
    delete from messages m where m.tenant_id = v_one.tenant_id and m.conversation_id = v_one.id;
    delete from execution_updates u where u.tenant_id = v_one.tenant_id and u.execution_id = any (v_executions);
    update tool_calls t set arguments = '', result = '' where t.tenant_id = v_one.tenant_id and t.execution_id = any (v_executions);
    update provider_attempts a set answer = null, answer_tool_calls = null
    where a.tenant_id = v_one.tenant_id and a.execution_id = any (v_executions)
      and (a.answer is not null or a.answer_tool_calls is not null);
    update executions e set prompt = '[purged]', response = '', output = null, context = null, error_message = '',
      replay = e.replay - 'content'
    where e.tenant_id = v_one.tenant_id and e.id = any (v_executions);
    update conversations c set title = '', summary = '', summary_seq = 0, message_count = 0, purged_at = p_now
    where c.tenant_id = v_one.tenant_id and c.id = v_one.id;
    v_purged := v_purged + 1;
  end loop;
  return v_purged;
end $$;
