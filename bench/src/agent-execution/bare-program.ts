import { randomBytes, randomUUID } from 'node:crypto';
import { makeBareDatabase } from '../baseline/database.ts';
import type { EdgeCalls } from '../baseline/edge.ts';
import type { OwnerCalls } from '../baseline/owner.ts';
import { issueToken } from '../baseline/principal.ts';
import { insertAgent } from '../baseline/statements.ts';
import { startChild } from '../child.ts';
import type { BenchConfig } from '../config.ts';
import type { BenchFleet } from '../fleet/bench-fleet.ts';

/** The hand-written program that runs an agent with the same rows on the same servers, and nothing else. */
export interface BareProgram {
  readonly url: string;
  readonly apiKey: string;
  readonly agentId: string;
  readonly pids: Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

// As many as a service opens.
const maxConnections = 10;
const permissions = ['agents:read', 'agents:write', 'agents:execute'];

export async function startBareProgram(config: BenchConfig, fleet: BenchFleet): Promise<BareProgram> {
  const database = await makeBareDatabase(fleet.databaseUrl('postgres'), 'bench-bare', config.workspace);
  const tenantId = randomUUID();
  const agentId = await insertAgent(database, tenantId);
  const apiKey = `flk_${randomBytes(32).toString('hex')}`;
  const expiresAt = Date.now() + 3_600_000;
  const { token, publicKey } = issueToken({ tenantId, userId: randomUUID(), permissions, expiresAt });
  const owner = startChild<OwnerCalls>(new URL('../baseline/owner.ts', import.meta.url), config.environment);
  const edge = startChild<EdgeCalls>(new URL('../baseline/edge.ts', import.meta.url), config.environment);
  const { modelUrl } = fleet.farSide;
  const { address } = await owner.call('start', {
    databaseUrl: database.superuserUrl,
    modelUrl,
    maxConnections,
    publicKey,
  });
  const { url } = await edge.call('start', { owner: address, apiKey, token });
  return {
    url,
    apiKey,
    agentId,
    pids: { 'bare edge': edge.pid, 'bare owner': owner.pid },
    async stop() {
      await edge.stop();
      await owner.stop();
    },
  };
}
