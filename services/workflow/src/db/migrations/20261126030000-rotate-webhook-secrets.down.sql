drop function find_webhook_secrets(text);
alter table workflow_triggers
  drop column old_secret_expired_at,
  drop column old_sealed_secret;
