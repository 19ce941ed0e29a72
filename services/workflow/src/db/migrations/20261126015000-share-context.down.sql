alter table workflow_instances drop column context;
