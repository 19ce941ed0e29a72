drop trigger forget_tags on workflow_instances;
drop trigger index_tags on workflow_instances;
drop function index_tags();
drop table workflow_instance_tags;
