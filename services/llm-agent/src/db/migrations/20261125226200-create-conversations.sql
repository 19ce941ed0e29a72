create table conversations (
  id                   uuid primary key,
  tenant_id            uuid not null,
  agent_id             uuid not null,
  title                text not null default '' check (length(title) <= 255),
  -- { "lastMessages": > 0, "tokenBudget": ≥ 0, "summary": true | false }
  "window"             jsonb not null check (jsonb_typeof("window") = 'object'),
  busy_policy          text not null check (busy_policy in ('reject', 'enqueue', 'interrupt', 'roll_back')),
  -- Messages are numbered from 1 to this; whoever appends holds this row.
  message_count        integer not null default 0 check (message_count >= 0),
  -- The turn that runs. Set with its execution, taken away with its end.
  running_execution_id uuid,
  -- What is to become of the turn that runs, once it has stopped.
  interruption         text check (interruption in ('interrupt', 'roll_back')),
  -- What the agent made of the messages up to summary_seq.
  summary              text not null default '',
  summary_seq          integer not null default 0 check (summary_seq >= 0),
  branched_from_id     uuid,
  branched_from_seq    integer not null default 0,
  created_by           text not null,
  created_at           timestamptz(3) not null default now(),
  updated_at           timestamptz(3) not null default now(),
  deleted_at           timestamptz(3),
  purged_at            timestamptz(3),
  revision             integer not null default 1 check (revision > 0),
  event_seq            bigint not null default 0,
  unique (tenant_id, id),
  foreign key (tenant_id, agent_id) references agents (tenant_id, id),
  check (interruption is null or running_execution_id is not null),
  check (summary_seq <= message_count)
);
create index conversations_agent on conversations (tenant_id, agent_id, id);
create index conversations_to_purge on conversations (deleted_at) where deleted_at is not null and purged_at is null;
select protect_tenant_table('conversations', 'select, insert, update');

-- Numbers are contiguous because whoever appends has locked the conversation: over months no unique key can say so.
create table messages (
  id                uuid primary key,
  tenant_id         uuid not null,
  conversation_id   uuid not null,
  seq               integer not null check (seq > 0),
  role              text not null check (role in ('user', 'assistant', 'tool')),
  content           text not null,
  -- [{ "id": "…", "name": "…", "arguments": "…" }]
  tool_calls        jsonb not null default '[]' check (jsonb_typeof(tool_calls) = 'array'),
  tool_call_id      text not null default '',
  execution_id      uuid,
  interrupted       boolean not null default false,
  prompt_tokens     integer not null default 0 check (prompt_tokens >= 0),
  completion_tokens integer not null default 0 check (completion_tokens >= 0),
  model             text not null default '',
  latency_ms        integer check (latency_ms >= 0),
  created_at        timestamptz(3) not null default now(),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
create index messages_conversation on messages (tenant_id, conversation_id, seq);
select protect_tenant_table('messages', 'select, insert, delete');
select partition_by_month('messages', 'id', 'select, insert, delete');

-- Who waits for a turn, in the order of arrival. Whoever stops renewing has left.
create table conversation_queue (
  place           bigint generated always as identity primary key,
  tenant_id       uuid not null,
  conversation_id uuid not null,
  ticket          uuid not null,
  expires_at      timestamptz not null,
  unique (tenant_id, conversation_id, ticket),
  foreign key (tenant_id, conversation_id) references conversations (tenant_id, id)
);
select protect_tenant_table('conversation_queue');

alter table executions
  add column conversation_id uuid,
  -- What the model was told before the prompt: [{ "role": "…", "content": "…" }]
  add column context jsonb check (jsonb_typeof(context) = 'array');
create index executions_conversation on executions (tenant_id, conversation_id) where conversation_id is not null;

create function maintain_messages(p_now timestamptz, p_keep interval) returns setof text
language sql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
  select maintain_month_partitions('messages', p_now, p_keep)
$$;
select allow_app('maintain_messages(timestamptz, interval)');

-- Takes the texts of conversations that were removed long enough ago, those of their executions too; what is left says
-- that there was one, and what it cost. Of any tenant.
create function purge_conversations(p_now timestamptz, p_keep interval, p_limit integer) returns bigint
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
select allow_app('purge_conversations(timestamptz, interval, integer)');
