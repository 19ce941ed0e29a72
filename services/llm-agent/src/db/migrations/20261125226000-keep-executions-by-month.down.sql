-- The tables of before, with what the partitions hold.
drop function maintain_executions(timestamptz, interval);
create table executions_whole (like executions including all);
insert into executions_whole table executions;
create table provider_attempts_whole (like provider_attempts including all);
insert into provider_attempts_whole table provider_attempts;
drop table executions;
drop table provider_attempts;
alter table executions_whole rename to executions;
alter table provider_attempts_whole rename to provider_attempts;
alter table executions add foreign key (tenant_id, agent_id, agent_version) references agent_versions (tenant_id, agent_id, version);
alter table provider_attempts add constraint provider_attempts_tenant_id_execution_id_fkey
  foreign key (tenant_id, execution_id) references executions (tenant_id, id);
delete from execution_updates u where not exists (select from executions e where e.tenant_id = u.tenant_id and e.id = u.execution_id);
alter table execution_updates add constraint execution_updates_tenant_id_execution_id_fkey
  foreign key (tenant_id, execution_id) references executions (tenant_id, id);
select protect_tenant_table('executions', 'select, insert, update');
select protect_tenant_table('provider_attempts', 'select, insert, update');
alter table provider_attempts drop constraint provider_attempts_whole_pkey;
alter table provider_attempts add primary key (id);
alter table provider_attempts add constraint provider_attempts_tenant_id_execution_id_attempt_key unique (tenant_id, execution_id, attempt);
