alter table provider_attempts drop column because, drop column cached;
alter table executions drop column hops, drop column cached;
alter table agents drop column routing;
