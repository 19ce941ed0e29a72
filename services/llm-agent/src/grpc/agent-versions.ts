import type { AgentVersionService } from '@flotilla/contracts/agent';
import type { ServiceImplementation } from '@flotilla/grpc';
import type { Database } from '@flotilla/postgres';
import type { AgentKeeping } from '../commands/create-agent.ts';
import { rollBackAgent } from '../commands/roll-back-agent.ts';
import { splitAgent } from '../commands/split-agent.ts';
import type { Schema } from '../db/schema.ts';
import { toAgentMessage, toAgentVersionMessage } from '../messages/agent-message.ts';
import { toDiffMessage, toSplitStatisticsMessage } from '../messages/agent-version-message.ts';
import { getAgentVersion } from '../queries/get-agent-version.ts';
import { getSplitStatistics } from '../queries/get-split-statistics.ts';

export function agentVersions(
  db: Database<Schema>,
  keeping: AgentKeeping,
): ServiceImplementation<typeof AgentVersionService> {
  return {
    getAgentVersion: (request, call) =>
      db.read(call, async (tx) => toAgentVersionMessage(await getAgentVersion(tx, request.agentId, request.version))),

    diffAgentVersions: ({ agentId, fromVersion, toVersion }, call) =>
      db.read(call, async (tx) =>
        toDiffMessage(await getAgentVersion(tx, agentId, fromVersion), await getAgentVersion(tx, agentId, toVersion)),
      ),

    rollBackAgent: (request, call) =>
      db.write(call, async (tx) => toAgentMessage(await rollBackAgent(keeping, tx, request))),

    splitAgent: (request, call) => db.write(call, async (tx) => toAgentMessage(await splitAgent(keeping, tx, request))),

    getAgentSplitStatistics: (request, call) =>
      db.read(call, async (tx) => toSplitStatisticsMessage(await getSplitStatistics(tx, request))),
  };
}
