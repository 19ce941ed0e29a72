import type { Tx } from '@flotilla/postgres';
import { countAgentVersions, findAgent } from '../db/agent-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Agent } from '../domain/agent.ts';
import { agentNotFound, agentVersionNotFound } from '../domain/not-found.ts';
import { changeSplit, type SplitArm } from '../domain/split.ts';
import type { AgentKeeping } from './create-agent.ts';
import { updateAgent } from './update-agent.ts';

/** Lets versions run side by side; without arms the newest runs again. */
export async function splitAgent(
  keeping: AgentKeeping,
  tx: Tx<Schema>,
  { agentId, arms, etag }: { agentId: string; arms: readonly SplitArm[]; etag: string },
): Promise<Agent> {
  const agent = await findAgent(tx, agentId);
  if (agent === undefined) throw agentNotFound();
  const split = changeSplit(agent.split, arms, keeping.newId);
  const versions = arms.map(({ version }) => version);
  if ((await countAgentVersions(tx, agentId, versions)) < versions.length) throw agentVersionNotFound();
  // Based on what was just read: a change in between is a conflict that the caller may repeat.
  return updateAgent(keeping, tx, { id: agentId, etag: etag || String(agent.revision), change: { split } });
}
