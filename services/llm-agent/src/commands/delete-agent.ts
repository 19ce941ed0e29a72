import { AgentDeletedSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import { lockAgent, markAgentDeleted } from '../db/agent-repository.ts';
import type { Schema } from '../db/schema.ts';
import { agentNotFound } from '../domain/not-found.ts';
import { toAgentMessage } from '../messages/agent-message.ts';

/** The row stays for the executions that refer to it; its slug is free again. */
export async function deleteAgent(
  { now }: { readonly now: () => Date },
  tx: Tx<Schema>,
  { id, etag }: { id: string; etag: string },
): Promise<void> {
  const agent = await lockAgent(tx, id);
  if (agent === undefined) throw agentNotFound();
  checkRevision(agent, etag);
  await markAgentDeleted(tx, agent, now());
  await appendEvent(tx, { schema: AgentDeletedSchema, message: { agent: toAgentMessage(agent) }, id });
}
