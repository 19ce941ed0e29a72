import { AgentCreatedSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { insertAgent, insertAgentVersion } from '../db/agent-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type Agent, type AgentWish, createAgent as decide } from '../domain/agent.ts';
import { toAgentMessage } from '../messages/agent-message.ts';
import { knownProviders } from '../queries/known-providers.ts';

/** What keeping agents needs from outside. */
export interface AgentKeeping {
  /** Those that the operator configures. */
  readonly sharedProviders: ReadonlySet<string>;
  readonly now: () => Date;
  readonly newId: () => string;
}

export async function createAgent(
  { sharedProviders, now, newId }: AgentKeeping,
  tx: Tx<Schema>,
  wish: AgentWish,
): Promise<Agent> {
  const providers = await knownProviders(tx, sharedProviders);
  const decided = decide(wish, { id: newId(), createdBy: tx.scope.actor.id, now: now(), providers });
  const agent = await insertAgent(tx, decided);
  await insertAgentVersion(tx, agent);
  await appendEvent(tx, { schema: AgentCreatedSchema, message: { agent: toAgentMessage(agent) }, id: agent.id });
  return agent;
}
