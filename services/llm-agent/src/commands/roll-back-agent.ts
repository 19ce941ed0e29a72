import type { Tx } from '@flotilla/postgres';
import { findAgent, findAgentVersion } from '../db/agent-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Agent } from '../domain/agent.ts';
import { agentNotFound, agentVersionNotFound } from '../domain/not-found.ts';
import type { AgentKeeping } from './create-agent.ts';
import { updateAgent } from './update-agent.ts';

/** A new version with the content of an old one: nothing that was is rewritten. */
export async function rollBackAgent(
  keeping: AgentKeeping,
  tx: Tx<Schema>,
  { agentId, version, etag }: { agentId: string; version: number; etag: string },
): Promise<Agent> {
  if ((await findAgent(tx, agentId)) === undefined) throw agentNotFound();
  const old = await findAgentVersion(tx, agentId, version);
  if (old === undefined) throw agentVersionNotFound();
  const { provider, model, parameters, systemPrompt, outputSchema, tools } = old;
  const change = { provider, model, parameters, systemPrompt, outputSchema, tools };
  return updateAgent(keeping, tx, { id: agentId, etag, change });
}
