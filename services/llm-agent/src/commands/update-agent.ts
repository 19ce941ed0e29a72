import { AgentUpdatedSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import * as repository from '../db/agent-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type Agent, type AgentChange, changeAgent } from '../domain/agent.ts';
import { agentNotFound } from '../domain/not-found.ts';
import { toAgentMessage } from '../messages/agent-message.ts';
import { knownProviders } from '../queries/known-providers.ts';
import type { AgentKeeping } from './create-agent.ts';

export async function updateAgent(
  { sharedProviders, now }: AgentKeeping,
  tx: Tx<Schema>,
  { id, etag, change }: { id: string; etag: string; change: AgentChange },
): Promise<Agent> {
  const before = await repository.lockAgent(tx, id);
  if (before === undefined) throw agentNotFound();
  checkRevision(before, etag);
  const providers = await knownProviders(tx, sharedProviders);
  const agent = await repository.updateAgent(tx, changeAgent(before, change, { now: now(), providers }));
  if (agent.version !== before.version) await repository.insertAgentVersion(tx, agent);
  await appendEvent(tx, { schema: AgentUpdatedSchema, message: { agent: toAgentMessage(agent) }, id });
  return agent;
}
