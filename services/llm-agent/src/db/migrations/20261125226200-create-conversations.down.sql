drop function purge_conversations(timestamptz, interval, integer);
drop function maintain_messages(timestamptz, interval);
drop index executions_conversation;
alter table executions drop column conversation_id, drop column context;
drop table conversation_queue;
drop table messages;
drop table conversations;
