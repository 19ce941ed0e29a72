drop table workflow_agent_cache;
