-- What went in with prompts and messages besides their text. A file is kept once in a tenant, by what is in it; executions
-- and messages name it by its hash.
create table input_files (
  tenant_id  uuid not null,
  sha256     bytea not null check (octet_length(sha256) = 32),
  bytes      integer not null check (bytes > 0),
  data       bytea not null,
  created_at timestamptz(3) not null default now(),
  primary key (tenant_id, sha256),
  check (octet_length(data) = bytes)
);
-- Pictures are compressed already.
alter table input_files alter column data set storage external;
select protect_tenant_table('input_files', 'select, insert, update');

-- Who has it: a conversation (by its messages and its executions), or an execution that belongs to none. A file without a
-- use goes; the foreign key keeps one that is used again at that moment.
create table input_file_uses (
  tenant_id uuid not null,
  owner_id  uuid not null,
  sha256    bytea not null,
  used_at   timestamptz(3) not null,
  primary key (tenant_id, owner_id, sha256),
  foreign key (tenant_id, sha256) references input_files (tenant_id, sha256)
);
create index input_file_uses_file on input_file_uses (tenant_id, sha256);
create index input_file_uses_age on input_file_uses (used_at);
select protect_tenant_table('input_file_uses', 'select, insert, update');

-- [{ "type": "text", "text": "…" } | { "type": "file", "mediaType": "…", "fileName": "…", "sha256": "…", "bytes": > 0 }]
alter table executions add column parts jsonb not null default '[]' check (jsonb_typeof(parts) = 'array');
alter table messages
  add column parts jsonb not null default '[]' check (jsonb_typeof(parts) = 'array'),
  -- About as many tokens as the parts use, for windows.
  add column parts_tokens integer not null default 0 check (parts_tokens >= 0);

-- Forgets uses before a moment, and the files that nobody has any more. Of any tenant; answers how many files.
create function forget_input_files(p_before timestamptz, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  v_forgotten bigint := 0;
  v_one record;
begin
  for v_one in
    select u.tenant_id, u.owner_id, u.sha256 from input_file_uses u where u.used_at < p_before
    order by u.used_at limit p_limit for update skip locked
  loop
    delete from input_file_uses u
    where u.tenant_id = v_one.tenant_id and u.owner_id = v_one.owner_id and u.sha256 = v_one.sha256;
    delete from input_files f where f.tenant_id = v_one.tenant_id and f.sha256 = v_one.sha256
      and not exists (select from input_file_uses u where u.tenant_id = f.tenant_id and u.sha256 = f.sha256);
    if found then v_forgotten := v_forgotten + 1; end if;
  end loop;
  return v_forgotten;
end $$;
select allow_app('forget_input_files(timestamptz, integer)');

-- As before, and with what was said besides texts.
create or replace function purge_conversations(p_now timestamptz, p_keep interval, p_limit integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  v_purged bigint := 0;
  v_one record;
  v_executions uuid[];
  v_files bytea[];
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
    update executions e set prompt = '[purged]', parts = '[]', response = '', output = null, context = null,
      error_message = '', replay = e.replay - 'content'
    where e.tenant_id = v_one.tenant_id and e.id = any (v_executions);
    v_files := array(select u.sha256 from input_file_uses u where u.tenant_id = v_one.tenant_id and u.owner_id = v_one.id);
    delete from input_file_uses u where u.tenant_id = v_one.tenant_id and u.owner_id = v_one.id;
    delete from input_files f where f.tenant_id = v_one.tenant_id and f.sha256 = any (v_files)
      and not exists (select from input_file_uses u where u.tenant_id = f.tenant_id and u.sha256 = f.sha256);
    update conversations c set title = '', summary = '', summary_seq = 0, message_count = 0, purged_at = p_now
    where c.tenant_id = v_one.tenant_id and c.id = v_one.id;
    v_purged := v_purged + 1;
  end loop;
  return v_purged;
end $$;
