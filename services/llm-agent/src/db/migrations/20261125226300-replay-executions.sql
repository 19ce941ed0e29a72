alter table executions
  add column replay_of_id uuid,
  -- { "recorded": true | false, "swapped": "…", "content": { what the version does not say } }
  add column replay jsonb check (jsonb_typeof(replay) = 'object'),
  add constraint executions_replay check ((replay_of_id is null) = (replay is null));

-- What the model said in calls that did not become the execution's answer, for replays.
alter table provider_attempts
  add column answer text,
  add column answer_cut_off boolean not null default false;

-- As before, and with what was recorded and replayed.
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
    update provider_attempts a set answer = null from executions e where e.tenant_id = v_one.tenant_id
      and e.conversation_id = v_one.id and a.tenant_id = e.tenant_id and a.execution_id = e.id and a.answer is not null;
    update executions e set prompt = '[purged]', response = '', output = null, context = null, error_message = '',
      replay = e.replay - 'content'
    where e.tenant_id = v_one.tenant_id and e.conversation_id = v_one.id;
    update conversations c set title = '', summary = '', summary_seq = 0, message_count = 0, purged_at = p_now
    where c.tenant_id = v_one.tenant_id and c.id = v_one.id;
    v_purged := v_purged + 1;
  end loop;
  return v_purged;
end $$;
