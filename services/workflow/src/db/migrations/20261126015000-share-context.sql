-- What the steps of a run have written for each other.
alter table workflow_instances add column context jsonb;
