import { type Agent, AgentStatus } from '@flotilla/contracts/agent';
import type { KnownAgent } from '../domain/agent-reference.ts';

const statuses: Partial<Record<AgentStatus, KnownAgent['status']>> = {
  [AgentStatus.INACTIVE]: 'inactive',
  [AgentStatus.ARCHIVED]: 'archived',
};

/** What the cache keeps of an agent, as llm-agent tells of it. */
export function fromAgent({ id, name, slug, status, version, outputSchema }: Agent): KnownAgent {
  return { id, name, slug, status: statuses[status] ?? 'active', version: Math.max(1, version), outputSchema };
}
