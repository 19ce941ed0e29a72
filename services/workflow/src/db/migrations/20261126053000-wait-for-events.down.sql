drop table workflow_event_waits;
