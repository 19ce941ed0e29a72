import type { AgentService } from '@flotilla/contracts/agent';
import type { ServiceImplementation } from '@flotilla/grpc';
import { type Database, pageSizeOf, pageToken, toPage } from '@flotilla/postgres';
import { type AgentKeeping, createAgent } from '../commands/create-agent.ts';
import { deleteAgent } from '../commands/delete-agent.ts';
import { updateAgent } from '../commands/update-agent.ts';
import { findAgent, listAgents, listAgentVersions } from '../db/agent-repository.ts';
import type { Schema } from '../db/schema.ts';
import { agentNotFound } from '../domain/not-found.ts';
import {
  toAgentChange,
  toAgentMessage,
  toAgentVersionMessage,
  toAgentWish,
  toStatus,
} from '../messages/agent-message.ts';

export function agents(db: Database<Schema>, keeping: AgentKeeping): ServiceImplementation<typeof AgentService> {
  return {
    getAgent: (request, call) =>
      db.read(call, async (tx) => {
        const agent = await findAgent(tx, request.id);
        if (agent === undefined) throw agentNotFound();
        return toAgentMessage(agent);
      }),

    listAgents: (request, call) =>
      db.read(call, async (tx) => {
        const size = pageSizeOf(request.pageSize);
        const { slug, tag, capability } = request;
        const filter = { status: toStatus(request.status), slug, tag, capability };
        const found = await listAgents(tx, filter, { cursor: pageToken.decode(request.pageToken), limit: size + 1 });
        const { rows, nextPageToken } = toPage(found, size);
        return { agents: rows.map(toAgentMessage), nextPageToken };
      }),

    createAgent: (request, call) =>
      db.write(call, async (tx) => toAgentMessage(await createAgent(keeping, tx, toAgentWish(request)))),

    updateAgent: (request, call) =>
      db.write(call, async (tx) => {
        const { id, etag } = request;
        return toAgentMessage(await updateAgent(keeping, tx, { id, etag, change: toAgentChange(request) }));
      }),

    deleteAgent: (request, call) =>
      db.write(call, async (tx) => {
        await deleteAgent(keeping, tx, request);
        return {};
      }),

    listAgentVersions: (request, call) =>
      db.read(call, async (tx) => {
        if ((await findAgent(tx, request.agentId)) === undefined) throw agentNotFound();
        const size = pageSizeOf(request.pageSize);
        const page = { cursor: pageToken.decode(request.pageToken), limit: size + 1 };
        const { rows, nextPageToken } = toPage(await listAgentVersions(tx, request.agentId, page), size);
        return { versions: rows.map(toAgentVersionMessage), nextPageToken };
      }),
  };
}
