alter table tasks reset (fillfactor);
alter table workflow_instances reset (fillfactor);
