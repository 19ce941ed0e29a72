/** What enters a database: events that were consumed, positions, parked events; and the keys of repeatable calls. */
export const inbox = {
  name: '20261123000003-platform-inbox',
  up: `
create table inbox (
  tenant_id   uuid not null,
  consumer    text not null,
  event_id    uuid not null,
  received_at timestamptz not null default now(),
  primary key (tenant_id, consumer, event_id)
);
create index inbox_received_at on inbox (received_at);
select protect_tenant_table('inbox', 'select, insert');

-- The last event of each aggregate that a consumer has applied.
create table inbox_positions (
  tenant_id    uuid not null,
  consumer     text not null,
  aggregate    text not null,
  aggregate_id uuid not null,
  event_seq    bigint not null,
  primary key (tenant_id, consumer, aggregate, aggregate_id)
);
select protect_tenant_table('inbox_positions', 'select, insert, update');

-- Events that could not be applied, and all later ones of the same aggregate, in their order.
create table parked_events (
  seq          bigint generated always as identity primary key,
  tenant_id    uuid not null,
  consumer     text not null,
  aggregate    text not null,
  aggregate_id uuid not null,
  event_id     uuid not null,
  event_seq    bigint,
  topic        text not null,
  record_key   text not null,
  headers      jsonb not null,
  value        bytea,
  reason       text not null,
  attempts     integer not null default 1,
  parked_at    timestamptz not null default now(),
  unique (tenant_id, consumer, event_id)
);
create index parked_events_aggregate on parked_events (tenant_id, consumer, aggregate, aggregate_id, seq);
select protect_tenant_table('parked_events');

-- One statement decides what becomes of an event: 'new' (claimed by this transaction), 'duplicate', 'stale' (a later
-- one was applied), 'gap' (an earlier one is missing and p_every is wanted) or 'parked' (its aggregate is).
create function claim_event(
  p_consumer text, p_event_id uuid, p_aggregate text, p_aggregate_id uuid, p_event_seq bigint, p_every boolean, p_redrive boolean
) returns text language plpgsql as $$
declare
  v_tenant uuid := nullif(current_setting('app.current_tenant_id', true), '')::uuid;
  v_last bigint;
begin
  if exists (select from inbox where tenant_id = v_tenant and consumer = p_consumer and event_id = p_event_id) then
    return 'duplicate';
  end if;
  if not p_redrive and exists (select from parked_events where tenant_id = v_tenant and consumer = p_consumer
      and aggregate = p_aggregate and aggregate_id = p_aggregate_id) then
    return 'parked';
  end if;
  insert into inbox (tenant_id, consumer, event_id) values (v_tenant, p_consumer, p_event_id) on conflict do nothing;
  if not found then
    return 'duplicate';
  end if;
  if p_event_seq is null then
    return 'new';
  end if;
  if p_every then
    select event_seq into v_last from inbox_positions where tenant_id = v_tenant and consumer = p_consumer
      and aggregate = p_aggregate and aggregate_id = p_aggregate_id for update;
    if p_event_seq > coalesce(v_last, 0) + 1 then
      return 'gap';
    end if;
  end if;
  insert into inbox_positions as position (tenant_id, consumer, aggregate, aggregate_id, event_seq)
  values (v_tenant, p_consumer, p_aggregate, p_aggregate_id, p_event_seq)
  on conflict (tenant_id, consumer, aggregate, aggregate_id) do update set event_seq = excluded.event_seq
    where position.event_seq < excluded.event_seq;
  return case when found then 'new' else 'stale' end;
end $$;
select allow_app('claim_event(text, uuid, text, uuid, bigint, boolean, boolean)');

-- What is parked, over all tenants: for operators and for a redrive. No values.
create function parked_aggregates(p_consumer text)
returns table (tenant_id uuid, aggregate text, aggregate_id uuid, events bigint, attempts integer, reason text, parked_at timestamptz)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select p.tenant_id, p.aggregate, p.aggregate_id, count(*), (array_agg(p.attempts order by p.event_seq nulls first, p.seq))[1],
    (array_agg(p.reason order by p.event_seq nulls first, p.seq))[1], min(p.parked_at)
  from parked_events p where p.consumer = p_consumer
  group by p.tenant_id, p.aggregate, p.aggregate_id order by min(p.seq)
$$;
select allow_app('parked_aggregates(text)');

create table idempotency_keys (
  tenant_id    uuid not null,
  actor_id     text not null,
  key          text not null,
  method       text not null,
  request_hash bytea not null,
  reply        bytea,
  created_at   timestamptz not null default now(),
  primary key (tenant_id, actor_id, key)
);
create index idempotency_keys_created_at on idempotency_keys (created_at);
select protect_tenant_table('idempotency_keys', 'select, insert, update');

-- Forgets what no retry and no redelivery can ask for any more. The inbox outlives the retention of the topics.
create function sweep_platform_tables(p_now timestamptz, p_keep_inbox interval, p_keep_keys interval) returns bigint
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  v_inbox bigint;
  v_keys bigint;
begin
  delete from inbox where ctid = any (array(select ctid from inbox where received_at < p_now - p_keep_inbox limit 5000));
  get diagnostics v_inbox = row_count;
  delete from idempotency_keys where ctid = any (array(select ctid from idempotency_keys where created_at < p_now - p_keep_keys limit 5000));
  get diagnostics v_keys = row_count;
  return v_inbox + v_keys;
end $$;
do $$
begin
  execute format('grant execute on function sweep_platform_tables(timestamptz, interval, interval) to %I', service_role('relay'));
end $$;
`,
  down: `
drop function sweep_platform_tables(timestamptz, interval, interval);
drop table idempotency_keys;
drop function parked_aggregates(text);
drop function claim_event(text, uuid, text, uuid, bigint, boolean, boolean);
drop table parked_events;
drop table inbox_positions;
drop table inbox;
`,
} as const;
