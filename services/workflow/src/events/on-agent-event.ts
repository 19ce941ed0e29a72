import { type Agent, AgentCreatedSchema, AgentDeletedSchema, AgentUpdatedSchema } from '@flotilla/contracts/agent';
import { type EventHandlers, onEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { keepAgent } from '../db/agent-cache-repository.ts';
import type { Schema } from '../db/schema.ts';
import { fromAgent } from '../messages/known-agent.ts';

/** Keeps the cache of agents. The order of an agent's events is kept by the consumer; a removed one leaves a tombstone. */
export const onAgentEvent: EventHandlers<Schema> = {
  ...onEvent(AgentCreatedSchema, (tx: Tx<Schema>, { message, eventSeq }) => keep(tx, message.agent, eventSeq)),
  ...onEvent(AgentUpdatedSchema, (tx: Tx<Schema>, { message, eventSeq }) => keep(tx, message.agent, eventSeq)),
  ...onEvent(AgentDeletedSchema, (tx: Tx<Schema>, { message, eventSeq }) => keep(tx, message.agent, eventSeq, true)),
};

async function keep(tx: Tx<Schema>, agent: Agent | undefined, seq = 0n, deleted = false): Promise<void> {
  if (agent !== undefined) await keepAgent(tx, fromAgent(agent), { seq, deleted });
}
