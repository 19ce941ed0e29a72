create table notifications (
  id                uuid primary key,
  tenant_id         uuid not null,
  recipient_id      uuid,
  recipient_address text not null default '' check (length(recipient_address) <= 254),
  template_id       uuid not null,
  channel           text not null check (channel in ('email', 'sms', 'webhook', 'in_app')),
  priority          text not null default 'normal' check (priority in ('low', 'normal', 'high', 'urgent')),
  status            text not null default 'pending'
    check (status in ('pending', 'sending', 'sent', 'delivered', 'failed', 'bounced', 'cancelled')),
  subject           text not null default '' check (length(subject) <= 500),
  body              text not null check (length(body) <= 100000),
  metadata          jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
  scheduled_at      timestamptz(3),
  sent_at           timestamptz(3),
  delivered_at      timestamptz(3),
  read_at           timestamptz(3),
  error_message     text not null default '',
  retry_count       integer not null default 0 check (retry_count >= 0),
  max_retries       integer not null default 3 check (max_retries between 0 and 100),
  -- The user who asked for it; none for events.
  created_by        uuid,
  -- The idempotency key under which it was accepted: what a revocation names.
  send_key          text,
  -- When a worker may take it: first when it is due, while it is being sent when that worker's lease ends.
  due_at            timestamptz(3) not null,
  -- The lease of whoever took it last. Only that one may settle it.
  lease_id          uuid,
  -- W3C trace context of whoever asked for it; its delivery belongs to the same trace.
  traceparent       text not null default '' check (length(traceparent) <= 64),
  event_seq         bigint not null default 0,
  created_at        timestamptz(3) not null default now(),
  updated_at        timestamptz(3) not null default now(),
  foreign key (tenant_id, template_id) references notification_templates (tenant_id, id),
  -- A wish that could not be fulfilled may not know for whom it was.
  constraint notifications_recipient check (recipient_id is not null or status = 'failed'),
  constraint notifications_address check (channel <> 'email' or recipient_address <> '' or status = 'failed')
);
create index notifications_inbox on notifications (tenant_id, recipient_id, id desc);
create index notifications_send_key on notifications (tenant_id, send_key) where send_key is not null;
create index notifications_due on notifications (due_at) where status in ('pending', 'sending');
select protect_tenant_table('notifications', 'select, insert, update');
-- A user sees what is for them and what they sent; services see all of the tenant.
create policy own_messages on notifications as restrictive for all to public
  using (
    coalesce(current_setting('app.current_user_id', true), '') = ''
    or recipient_id = (select nullif(current_setting('app.current_user_id', true), '')::uuid)
    or created_by = (select nullif(current_setting('app.current_user_id', true), '')::uuid)
  );

-- One row per idempotency key: sending and revoking meet here, whichever comes first.
create table send_keys (
  tenant_id  uuid not null,
  key        text not null check (length(key) between 1 and 255),
  revoked_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  primary key (tenant_id, key)
);
select protect_tenant_table('send_keys', 'select, insert, update');

-- Takes due notifications of all tenants for the time of a lease, the urgent ones first. Two workers never take the
-- same; one whose worker died is taken again when the lease has ended.
create function claim_due_notifications(p_limit integer, p_lease interval)
returns table (id uuid, tenant_id uuid, lease_id uuid, traceparent text)
language sql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
  update notifications n
  set status = 'sending',
      -- A lease before this one means that it was tried before.
      retry_count = n.retry_count + (n.lease_id is not null)::integer,
      lease_id = uuid_v7(),
      due_at = clock_timestamp() + p_lease
  from (
    select d.id from notifications d
    where d.status in ('pending', 'sending') and d.due_at <= clock_timestamp()
    order by array_position(array['urgent', 'high', 'normal', 'low'], d.priority), d.due_at
    limit p_limit
    for update skip locked
  ) due
  where n.id = due.id
  returning n.id, n.tenant_id, n.lease_id, n.traceparent
$$;
select allow_app('claim_due_notifications(integer, interval)');
