drop index saga_compensations_queue;
alter table saga_compensations
  drop column attention, drop column assignee_id, drop column note, drop column resolution_reason,
  drop column resolved_by, drop column resolved_at;
