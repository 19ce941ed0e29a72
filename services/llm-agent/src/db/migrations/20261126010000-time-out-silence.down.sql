alter table llm_providers drop column idle_timeout_ms;
