create index executions_replay on executions (tenant_id, replay_of_id, id) where replay_of_id is not null;

-- Places of callers that died while they waited, where nobody came after them. Of any tenant.
create function forget_waiting(p_now timestamptz) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  v_forgotten bigint;
begin
  delete from conversation_queue where expires_at < p_now - interval '1 hour';
  get diagnostics v_forgotten = row_count;
  return v_forgotten;
end $$;
select allow_app('forget_waiting(timestamptz)');
