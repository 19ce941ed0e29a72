/** Roles, row-level security, and what every table gets. */
export const protection = {
  name: '20261123000001-platform-protection',
  up: `
-- The role of this database's service: 'app', 'relay', 'readonly', 'backup'. The owner is <service>_migrator.
create function service_role(kind text) returns text language sql stable as $$
  select regexp_replace(pg_get_userbyid(datdba), '_migrator$', '') || '_' || kind
  from pg_database where datname = current_database()
$$;

create function uuid_v7() returns uuid language sql volatile as $$
  select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
    52, 1), 53, 1), 'hex')::uuid
$$;

create function set_updated_at() returns trigger language plpgsql as $$
begin
  new.updated_at := now();
  return new;
end $$;

-- Row-level security also for the owner; the tenant policy is restrictive, because permissive ones are OR-ed.
-- Without a tenant no row is seen: null is equal to nothing.
create function protect_tenant_table(target regclass, app_privileges text default 'select, insert, update, delete')
returns void language plpgsql as $$
declare
  same_tenant constant text := 'tenant_id = (select nullif(current_setting(''app.current_tenant_id'', true), '''')::uuid)';
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format('create policy everyone on %s as permissive for all to public using (true) with check (true)', target);
  execute format('create policy same_tenant on %s as restrictive for all to public using (%s) with check (%s)',
    target, same_tenant, same_tenant);
  execute format('grant %s on %s to %I', app_privileges, target, service_role('app'));
  execute format('grant select on %s to %I', target, service_role('readonly'));
  if exists (select from pg_attribute where attrelid = target and attname = 'updated_at' and not attisdropped) then
    -- Drawing an event's number is no change of the resource.
    execute format('create trigger set_updated_at before update on %s for each row %s execute function set_updated_at()',
      target, case when exists (select from pg_attribute where attrelid = target and attname = 'event_seq' and not attisdropped)
        then 'when (new.event_seq = old.event_seq)' else '' end);
  end if;
end $$;

-- Rows that belong to somebody are seen by them alone, once the transaction says who it acts for.
create function protect_user_rows(target regclass, user_column text) returns void language plpgsql as $$
begin
  execute format('create policy same_user on %1$s as restrictive for all to public
    using (coalesce(current_setting(''app.current_user_id'', true), '''') = ''''
      or %2$I = (select nullif(current_setting(''app.current_user_id'', true), '''')::uuid))', target, user_column);
end $$;

create function protect_agent_rows(target regclass, agent_column text) returns void language plpgsql as $$
begin
  execute format('create policy same_agent on %1$s as restrictive for all to public
    using (coalesce(current_setting(''app.current_agent_id'', true), '''') = ''''
      or %2$I = (select nullif(current_setting(''app.current_agent_id'', true), '''')::uuid))', target, agent_column);
end $$;

-- Functions are nobody's by default; a look-up that the service needs is opened for its app role.
create function allow_app(target regprocedure) returns void language plpgsql as $$
begin
  execute format('grant execute on function %s to %I', target, service_role('app'));
end $$;

do $$
declare
  kind text;
begin
  foreach kind in array array['app', 'relay', 'readonly', 'backup'] loop
    execute format('grant usage on schema public to %I', service_role(kind));
    execute format('grant execute on function uuid_v7() to %I', service_role(kind));
  end loop;
end $$;
`,
  down: `
drop function allow_app(regprocedure);
drop function protect_agent_rows(regclass, text);
drop function protect_user_rows(regclass, text);
drop function protect_tenant_table(regclass, text);
drop function set_updated_at();
drop function uuid_v7();
drop function service_role(text);
`,
} as const;
