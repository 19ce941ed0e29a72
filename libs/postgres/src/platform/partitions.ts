/** Tables that are kept by month: partitions are made ahead and dropped whole, so that old rows cost nothing to forget. */
export const partitions = {
  name: '20261125000001-platform-partitions',
  up: `
-- The least UUID v7 of a moment: ids sort by time, so a range of ids is a range of time, and unique keys that hold the
-- id need no other column.
create function first_id_at(p_at timestamptz) returns uuid language sql immutable as $$
  select (lpad(to_hex(greatest(extract(epoch from p_at) * 1000, 0)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- The start of a month in the type of a table's partition key: a UUID v7 or a time.
create function month_bound(p_table regclass, p_month timestamp) returns text language sql stable as $$
  select case when a.atttypid = 'uuid'::regtype then first_id_at(p_month at time zone 'utc')::text
    else (p_month at time zone 'utc')::text end
  from pg_partitioned_table p join pg_attribute a on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
  where p.partrelid = p_table
$$;

-- Row-level security does not descend to partitions. Rights are not needed there: access goes by the table.
create function protect_partition(target regclass) returns void language plpgsql as $$
declare
  same_tenant constant text := 'tenant_id = (select nullif(current_setting(''app.current_tenant_id'', true), '''')::uuid)';
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format('create policy everyone on %s as permissive for all to public using (true) with check (true)', target);
  execute format('create policy same_tenant on %s as restrictive for all to public using (%s) with check (%s)',
    target, same_tenant, same_tenant);
end $$;

-- Makes the partitions of this month and the next ones, and drops those whose every row is older than p_keep. Returns
-- the dropped. Whoever comes second leaves the work to the first.
create function maintain_month_partitions(p_table regclass, p_now timestamptz, p_keep interval, p_ahead integer default 3)
returns setof text language plpgsql set timezone = 'UTC' as $$
declare
  v_table text := (select relname from pg_class where oid = p_table);
  v_month timestamp;
  v_name text;
begin
  if not pg_try_advisory_xact_lock(402196705, p_table::oid::integer) then
    return;
  end if;
  for v_month in select generate_series(date_trunc('month', p_now at time zone 'utc'),
      date_trunc('month', p_now at time zone 'utc') + p_ahead * interval '1 month', interval '1 month') loop
    v_name := v_table || to_char(v_month, '_YYYYMM');
    continue when to_regclass(format('public.%I', v_name)) is not null or exists (
      select from partition_bounds(p_table) b where b.upto > month_bound(p_table, v_month) and b.is_first);
    execute format('create table public.%I partition of %s for values from (%L) to (%L)',
      v_name, p_table, month_bound(p_table, v_month), month_bound(p_table, v_month + interval '1 month'));
    perform protect_partition(format('public.%I', v_name)::regclass);
  end loop;
  for v_name in
    select b.name from partition_bounds(p_table) b
    where b.upto <= month_bound(p_table, date_trunc('month', (p_now - p_keep) at time zone 'utc')) order by b.upto
  loop
    execute format('drop table public.%I', v_name);
    return next v_name;
  end loop;
end $$;

-- Names of the partitions and the ends of their ranges; the first one is open at its start.
create function partition_bounds(p_table regclass) returns table (name text, upto text, is_first boolean)
language sql stable as $$
  select c.relname::text, substring(pg_get_expr(c.relpartbound, c.oid) from 'TO \\(''([^'']+)''\\)'),
    pg_get_expr(c.relpartbound, c.oid) like '%MINVALUE%'
  from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = p_table
$$;

-- Turns a tenant's table into one that is kept by month, by its column p_key (UUID v7 or time), which every unique key
-- must hold. No row is copied: the table becomes the first partition, up to the end of the month of its last row. Keys
-- of other tables that refer to it are dropped: a month could not be dropped under them.
create function partition_by_month(p_name text, p_key text, p_privileges text) returns void
language plpgsql set timezone = 'UTC' as $$
declare
  v_old regclass := format('public.%I', p_name)::regclass;
  v_new regclass;
  v_last timestamptz;
  v_first text;
  v_item record;
begin
  for v_item in select conname, conrelid::regclass as child from pg_constraint where confrelid = v_old and contype = 'f' loop
    execute format('alter table %s drop constraint %I', v_item.child, v_item.conname);
  end loop;
  for v_item in select tgname from pg_trigger where tgrelid = v_old and not tgisinternal loop
    execute format('drop trigger %I on %s', v_item.tgname, v_old);
  end loop;
  execute format('select case pg_typeof(%1$I) when ''uuid''::regtype
      then to_timestamp((''x'' || left(replace(%1$I::text, ''-'', ''''), 12))::bit(48)::bigint / 1000.0)
      else %1$I::text::timestamptz end from %2$s order by %1$I desc limit 1', p_key, v_old) into v_last;
  v_first := p_name || to_char(date_trunc('month', greatest(v_last, now()) at time zone 'utc') + interval '1 month', '"_until_"YYYYMM');
  execute format('alter table %s rename to %I', v_old, v_first);
  execute format('create table public.%I (like public.%I including defaults including constraints including generated including storage)
    partition by range (%I)', p_name, v_first, p_key);
  v_new := format('public.%I', p_name)::regclass;
  for v_item in
    select i.indexrelid::regclass as index, c.relname as name, k.conname, pg_get_constraintdef(k.oid) as constraint_text,
      pg_get_indexdef(i.indexrelid) as index_text
    from pg_index i join pg_class c on c.oid = i.indexrelid left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = v_old
    where i.indrelid = v_old
  loop
    execute format('alter index %s rename to %I', v_item.index, v_item.name || '_first');
    if v_item.conname is null then
      execute replace(v_item.index_text, format(' ON public.%I ', v_first), format(' ON public.%I ', p_name));
    else
      execute format('alter table %s add constraint %I %s', v_new, v_item.conname, v_item.constraint_text);
    end if;
  end loop;
  for v_item in select conname, pg_get_constraintdef(oid) as text from pg_constraint where conrelid = v_old and contype = 'f' loop
    execute format('alter table %s add constraint %I %s', v_new, v_item.conname, v_item.text);
  end loop;
  execute format('revoke all on %s from %I, %I', v_old, service_role('app'), service_role('readonly'));
  perform protect_tenant_table(v_new, p_privileges);
  execute format('alter table %s attach partition %s for values from (minvalue) to (%L)', v_new, v_old,
    month_bound(v_new, date_trunc('month', greatest(v_last, now()) at time zone 'utc') + interval '1 month'));
  perform maintain_month_partitions(v_new, now(), interval '100 years');
end $$;
`,
  down: `
drop function partition_by_month(text, text, text);
drop function partition_bounds(regclass);
drop function maintain_month_partitions(regclass, timestamptz, interval, integer);
drop function protect_partition(regclass);
drop function month_bound(regclass, timestamp);
drop function first_id_at(timestamptz);
`,
} as const;
