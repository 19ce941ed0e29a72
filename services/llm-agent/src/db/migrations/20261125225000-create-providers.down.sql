drop function secrets_to_rewrap(bytea, integer);
drop table provider_health;
drop table provider_secrets;
drop table llm_providers;
