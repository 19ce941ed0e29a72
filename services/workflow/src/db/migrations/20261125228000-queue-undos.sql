-- What a person has to look at: an undo that keeps failing, or one after which its effect may have landed all the same.
alter table saga_compensations
  add column attention         text check (attention in ('stuck', 'unresolved')),
  add column assignee_id       uuid,
  add column note              text not null default '',
  add column resolution_reason text,
  add column resolved_by       text,
  add column resolved_at       timestamptz;
create index saga_compensations_queue on saga_compensations (tenant_id, id) where attention is not null;
