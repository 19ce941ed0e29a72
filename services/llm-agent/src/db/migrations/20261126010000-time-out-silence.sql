-- How long a provider may be silent, before its answer and in the middle of it; none means the service's default.
alter table llm_providers add column idle_timeout_ms integer check (idle_timeout_ms > 0);
