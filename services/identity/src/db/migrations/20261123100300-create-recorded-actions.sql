-- What was reported for the audit log: the event carries the content, the row makes repeating harmless.
create table recorded_actions (
  id         uuid primary key,
  tenant_id  uuid not null,
  service    text not null check (length(service) <= 63),
  action     text not null check (length(action) between 1 and 100),
  created_at timestamptz(3) not null default now(),
  event_seq  bigint not null default 0
);
create index recorded_actions_age on recorded_actions (created_at);
select protect_tenant_table('recorded_actions', 'select, insert, update');

create function forget_recorded_actions(p_before timestamptz, p_limit integer) returns integer
language sql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
  with gone as (
    delete from public.recorded_actions
    where id in (select id from public.recorded_actions where created_at < p_before limit p_limit)
    returning 1
  )
  select count(*)::integer from gone
$$;
select allow_app('forget_recorded_actions(timestamptz, integer)');
