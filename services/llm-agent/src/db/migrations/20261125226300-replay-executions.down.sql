-- purge_conversations is told only about columns that are left.
create or replace function purge_conversations(p_now timestamptz, p_keep interval, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  v_purged bigint := 0;
  v_one record;
begin
  for v_one in
    select c.tenant_id, c.id from conversations c
    where c.deleted_at < p_now - p_keep and c.purged_at is null and c.running_execution_id is null
    order by c.deleted_at limit p_limit for update skip locked
  loop
    delete from messages m where m.tenant_id = v_one.tenant_id and m.conversation_id = v_one.id;
    delete from execution_updates u using executions e where e.tenant_id = v_one.tenant_id
      and e.conversation_id = v_one.id and u.tenant_id = e.tenant_id and u.execution_id = e.id;
    update executions e set prompt = '[purged]', response = '', output = null, context = null, error_message = ''
    where e.tenant_id = v_one.tenant_id and e.conversation_id = v_one.id;
    update conversations c set title = '', summary = '', summary_seq = 0, message_count = 0, purged_at = p_now
    where c.tenant_id = v_one.tenant_id and c.id = v_one.id;
    v_purged := v_purged + 1;
  end loop;
  return v_purged;
end $$;
alter table provider_attempts drop column answer, drop column answer_cut_off;
alter table executions drop constraint executions_replay, drop column replay, drop column replay_of_id;
