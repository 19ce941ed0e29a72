import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { makeDatabase } from '../baseline/database.ts';
import type { EdgeCalls } from '../baseline/edge.ts';
import type { OwnerCalls } from '../baseline/owner.ts';
import { insertAgent } from '../baseline/statements.ts';
import { startChild } from '../child.ts';
import type { BenchConfig } from '../config.ts';
import type { BenchFleet } from '../fleet/bench-fleet.ts';

/** The hand-written program that runs an agent with the same rows on the same servers, and nothing else. */
export interface BareProgram {
  readonly url: string;
  readonly token: string;
  readonly agentId: string;
  readonly pids: Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

// As many as a service opens.
const maxConnections = 10;

export async function startBareProgram(config: BenchConfig, fleet: BenchFleet): Promise<BareProgram> {
  const migrations = join(config.workspace, 'services/llm-agent/src/db/migrations');
  const database = await makeDatabase(fleet.databaseUrl('postgres'), 'bench-bare', migrations);
  const agentId = await insertAgent(database);
  const owner = startChild<OwnerCalls>(new URL('../baseline/owner.ts', import.meta.url), config.environment);
  const edge = startChild<EdgeCalls>(new URL('../baseline/edge.ts', import.meta.url), config.environment);
  const token = randomUUID();
  const { modelUrl } = fleet.farSide;
  const { address } = await owner.call('start', { databaseUrl: database.superuserUrl, modelUrl, maxConnections });
  const { url } = await edge.call('start', { owner: address, token });
  return {
    url,
    token,
    agentId,
    pids: { 'bare edge': edge.pid, 'bare owner': owner.pid },
    async stop() {
      await edge.stop();
      await owner.stop();
    },
  };
}
