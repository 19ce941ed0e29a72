-- Chunks lie where no role of the service may go: row-level security guards the table, not its chunks.
create schema audit_chunks;

create table audit_events (
  id            uuid not null,
  tenant_id     uuid not null,
  occurred_at   timestamptz(3) not null,
  event_type    text not null check (event_type in ('domain_event', 'captured_change', 'recorded_action')),
  actor_type    text not null check (actor_type in ('user', 'service', 'system', 'anonymous')),
  actor_id      text not null,
  action        text not null,
  resource_type text not null,
  resource_id   text not null,
  result        text not null check (result in ('success', 'failure', 'partial')),
  metadata      jsonb not null default '{}',
  before_state  jsonb,
  after_state   jsonb,
  trace_id      text check (trace_id ~ '^[0-9a-f]{32}$'),
  canon         integer not null,
  canonical     bytea not null,
  checksum      text not null,
  ingested_at   timestamptz(3) not null default now(),
  primary key (tenant_id, id, occurred_at),
  -- A record whose hash is not that of its bytes never gets in.
  constraint audit_events_checksum check (checksum = encode(sha256(canonical), 'hex'))
);
select create_hypertable('audit_events', 'occurred_at',
  chunk_time_interval => interval '1 month', associated_schema_name => 'audit_chunks', create_default_indexes => false);

create index audit_events_time on audit_events (tenant_id, occurred_at desc, id desc);
create index audit_events_actor on audit_events (tenant_id, actor_id, occurred_at desc, id desc);
create index audit_events_resource on audit_events (tenant_id, resource_type, resource_id, occurred_at desc, id desc);
create index audit_events_action on audit_events (tenant_id, action, occurred_at desc, id desc);
create index audit_events_trace on audit_events (tenant_id, trace_id, occurred_at desc, id desc) where trace_id is not null;

select protect_tenant_table('audit_events', 'select, insert');

-- Append-only for everyone, the owner included.
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger refuse_change before update or delete on audit_events for each row execute function refuse_change();
create trigger refuse_truncate before truncate on audit_events execute function refuse_change();
