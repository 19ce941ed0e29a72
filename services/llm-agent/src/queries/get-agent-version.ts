import type { ReadTx } from '@flotilla/postgres';
import { type AgentVersion, findAgent, findAgentVersion } from '../db/agent-repository.ts';
import type { Schema } from '../db/schema.ts';
import { agentNotFound, agentVersionNotFound } from '../domain/not-found.ts';

/** A version of an agent that is there, for the two are not found for different reasons. */
export async function getAgentVersion(tx: ReadTx<Schema>, agentId: string, version: number): Promise<AgentVersion> {
  if ((await findAgent(tx, agentId)) === undefined) throw agentNotFound();
  const found = await findAgentVersion(tx, agentId, version);
  if (found === undefined) throw agentVersionNotFound();
  return found;
}
