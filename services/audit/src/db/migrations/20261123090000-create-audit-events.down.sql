drop table audit_events;
drop function refuse_change();
drop schema audit_chunks;
