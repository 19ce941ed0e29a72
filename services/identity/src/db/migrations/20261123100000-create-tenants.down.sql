drop function tenant_by_slug(text);
drop table tenants;
