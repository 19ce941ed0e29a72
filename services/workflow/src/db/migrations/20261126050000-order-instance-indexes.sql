-- A run is found by its tenant and id. While the table is nearly empty, and so for every plan that a connection made then, each
-- index that begins with the tenant seems to serve that as well as the key does, and is read from one end of the tenant to the
-- other. Two of them begin with what they are for.
drop index workflow_instances_by_starter;
drop index workflow_instances_of_workflow;
create index workflow_instances_by_starter on workflow_instances (created_by, tenant_id, id desc);
create index workflow_instances_of_workflow on workflow_instances (workflow_id, tenant_id, id desc);
