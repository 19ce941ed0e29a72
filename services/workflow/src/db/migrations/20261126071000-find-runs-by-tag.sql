-- One row for each tag of a run; a run without tags has none, and pays nothing. An index over the tags themselves would never be
-- used: the table is protected by row, and what compares arrays is not leakproof, so that it is asked of one's own rows only.
-- In this order a page of the newest runs with a tag is read from one place.
create table workflow_instance_tags (
  tenant_id    uuid not null,
  tag          text not null,
  instance_id  uuid not null,
  primary key (tenant_id, tag, instance_id)
);
select protect_tenant_table('workflow_instance_tags', 'select, insert');

-- Tags are said when a run is started, and never change. Without a foreign key: what made sure of it would cost each run a look.
create function index_tags() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into workflow_instance_tags (tenant_id, tag, instance_id)
      select distinct new.tenant_id, tag, new.id from unnest(new.tags) as tag;
  else
    delete from workflow_instance_tags where tenant_id = old.tenant_id and tag = any (old.tags) and instance_id = old.id;
  end if;
  return null;
end $$;
create trigger index_tags after insert on workflow_instances for each row when (new.tags <> '{}') execute function index_tags();
create trigger forget_tags after delete on workflow_instances for each row when (old.tags <> '{}') execute function index_tags();

insert into workflow_instance_tags (tenant_id, tag, instance_id)
  select distinct i.tenant_id, tag, i.id from workflow_instances i, unnest(i.tags) as tag;
