/** What leaves a database: domain events and captured changes, and what has been published in the last days. */
export const outbox = {
  name: '20261123000002-platform-outbox',
  up: `
create table outbox (
  seq             bigint generated always as identity primary key,
  id              uuid not null,
  tenant_id       uuid not null,
  topic           text not null,
  aggregate       text not null,
  aggregate_id    uuid not null,
  event_seq       bigint,
  type            text not null,
  payload         bytea,
  change          jsonb,
  traceparent     text,
  causation_depth integer not null default 0,
  actor_type      text not null,
  actor_id        text not null,
  occurred_at     timestamptz not null default clock_timestamp(),
  check ((payload is null) <> (change is null))
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
select protect_tenant_table('outbox', 'insert');

create table outbox_sent (
  seq             bigint not null,
  id              uuid not null,
  tenant_id       uuid not null,
  topic           text not null,
  aggregate       text not null,
  aggregate_id    uuid not null,
  event_seq       bigint,
  type            text not null,
  payload         bytea,
  change          jsonb,
  traceparent     text,
  causation_depth integer not null,
  actor_type      text not null,
  actor_id        text not null,
  occurred_at     timestamptz not null,
  sent_at         timestamptz not null,
  primary key (sent_at, seq)
) partition by range (sent_at);
select protect_tenant_table('outbox_sent', 'select');

do $$
begin
  execute format('grant select, delete on outbox to %I', service_role('relay'));
  execute format('grant select, insert on outbox_sent to %I', service_role('relay'));
  execute format('revoke select on outbox, outbox_sent from %I', service_role('readonly'));
  execute format('revoke select on outbox_sent from %I', service_role('app'));
end $$;

-- Makes the partitions of the coming days and drops those whose every row is older than p_keep. Returns the dropped.
create function maintain_outbox_sent(p_now timestamptz, p_keep interval) returns setof text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  v_day date;
  v_name text;
begin
  for v_day in select generate_series((p_now at time zone 'utc')::date, (p_now at time zone 'utc')::date + 3, interval '1 day')::date loop
    v_name := 'outbox_sent_' || to_char(v_day, 'YYYYMMDD');
    if to_regclass('public.' || v_name) is null then
      execute format('create table public.%I partition of public.outbox_sent for values from (%L) to (%L)',
        v_name, v_day || ' 00:00:00+00', (v_day + 1) || ' 00:00:00+00');
      perform protect_tenant_table(('public.' || v_name)::regclass, 'select');
      execute format('revoke select on public.%I from %I, %I', v_name, service_role('app'), service_role('readonly'));
    end if;
  end loop;
  for v_name in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'public.outbox_sent'::regclass
      and to_date(right(c.relname, 8), 'YYYYMMDD') + 1 <= ((p_now - p_keep) at time zone 'utc')::date
    order by c.relname
  loop
    execute format('drop table public.%I', v_name);
    return next v_name;
  end loop;
end $$;
select maintain_outbox_sent(now(), interval '72 hours');

-- Captures a change of any writer, by hand too: it runs as the owner, so a role that may write the table needs no
-- right on the outbox. Arguments: topic, then the columns that may leave this database.
create function capture_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  v_row jsonb;
  v_before jsonb;
  v_after jsonb;
begin
  if tg_op <> 'INSERT' then
    v_row := to_jsonb(old);
    select jsonb_object_agg(key, value) into v_before from jsonb_each(v_row) where key = any (tg_argv);
  end if;
  if tg_op <> 'DELETE' then
    v_row := to_jsonb(new);
    select jsonb_object_agg(key, value) into v_after from jsonb_each(v_row) where key = any (tg_argv);
  end if;
  -- An update that touches no captured column (event_seq, updated_at) is not a change that concerns anybody.
  if tg_op = 'UPDATE' and v_before is not distinct from v_after then
    return null;
  end if;
  insert into outbox (id, tenant_id, topic, aggregate, aggregate_id, type, change, traceparent, causation_depth, actor_type, actor_id)
  values (
    uuid_v7(), (v_row ->> 'tenant_id')::uuid, tg_argv[0], tg_table_name, (v_row ->> 'id')::uuid,
    'flotilla.events.v1.RowChanged',
    jsonb_build_object('operation', tg_op, 'before', v_before, 'after', v_after, 'database_role', session_user),
    nullif(current_setting('app.traceparent', true), ''),
    coalesce(nullif(current_setting('app.causation_depth', true), '')::integer, 0),
    coalesce(nullif(current_setting('app.actor_type', true), ''), 'system'),
    coalesce(nullif(current_setting('app.actor_id', true), ''), 'database:' || session_user)
  );
  return null;
end $$;

create function refuse_truncate() returns trigger language plpgsql as $$
begin
  raise exception 'table % is captured row by row: use delete', tg_table_name using errcode = 'feature_not_supported';
end $$;

do $$
begin
  execute format('grant execute on function maintain_outbox_sent(timestamptz, interval) to %I', service_role('relay'));
end $$;
`,
  down: `
drop function refuse_truncate();
drop function capture_change();
drop function maintain_outbox_sent(timestamptz, interval);
drop table outbox_sent;
drop table outbox;
`,
} as const;
