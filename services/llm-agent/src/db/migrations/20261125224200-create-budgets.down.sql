alter table executions drop constraint executions_status_check;
update executions set status = 'failed' where status = 'budget_exceeded';
alter table executions add constraint executions_status_check
  check (status in ('pending', 'running', 'completed', 'failed', 'cancelled', 'timeout'));
drop function settle_attempt(uuid, integer, text, integer, integer, integer, numeric, boolean, text, timestamptz);
drop function open_attempt(uuid, uuid, integer, uuid, uuid, text, text, boolean, timestamptz, integer, integer);
drop function lock_budget_period(uuid, text, text, uuid, timestamptz);
drop function budget_period_start(text, timestamptz);
alter table provider_attempts
  drop column reserved_prompt_tokens,
  drop column reserved_completion_tokens,
  drop column reserved_usd,
  drop column budget_period_ids;
drop table budget_periods;
drop table budgets;
