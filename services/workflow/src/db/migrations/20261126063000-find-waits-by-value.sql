alter table workflow_event_waits
  -- Of a condition that says which text a field of the event is: that field, as a JSON pointer, and a hash of the text. Else empty.
  add column key_field text not null default '',
  add column key_hash text not null default '',
  -- To the microsecond, as events' arrivals: which of the two was first is told within one transaction's reach.
  add column waits_since timestamptz not null default now();
update workflow_event_waits set waits_since = created_at;
create index workflow_event_waits_by_key
  on workflow_event_waits (tenant_id, event_type, key_field, key_hash, instance_id, path, visit);
drop index workflow_event_waits_of_type;

-- Since its creation, or since it was last enabled: what happened long before does not fire it.
alter table workflow_triggers add column listens_since timestamptz not null default now();
update workflow_triggers set listens_since = created_at;
