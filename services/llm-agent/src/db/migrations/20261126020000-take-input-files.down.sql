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
drop function forget_input_files(timestamptz, integer);
alter table messages drop column parts_tokens, drop column parts;
alter table executions drop column parts;
drop table input_file_uses;
drop table input_files;
