-- The secret that a webhook had before, and until when it is accepted.
alter table workflow_triggers
  add column old_sealed_secret bytea,
  add column old_secret_expired_at timestamptz,
  add check ((old_sealed_secret is null) = (old_secret_expired_at is null));

-- As find_webhook, with the old secret where that is accepted still.
create function find_webhook_secrets(p_path text)
returns table (tenant_id uuid, id uuid, sealed_secret bytea, old_sealed_secret bytea)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select t.tenant_id, t.id, t.sealed_secret,
    case when t.old_secret_expired_at > now() then t.old_sealed_secret end
  from workflow_triggers t
  where t.webhook_path = p_path and t.deleted_at is null
$$;
select allow_app('find_webhook_secrets(text)');
