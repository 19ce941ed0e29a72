import type { ReadTx } from '@flotilla/postgres';
import { findAgent } from '../db/agent-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type ArmStatistics, armStatistics } from '../db/split-repository.ts';
import { agentNotFound, splitNotFound } from '../domain/not-found.ts';

export interface SplitStatistics {
  readonly agentId: string;
  readonly splitId: string;
  readonly arms: readonly (ArmStatistics & { readonly weight: number })[];
}

/** The arms of the present split, also those that have run nothing yet; or what is kept of a split of the past. */
export async function getSplitStatistics(
  tx: ReadTx<Schema>,
  wish: { agentId: string; splitId: string },
): Promise<SplitStatistics> {
  const agent = await findAgent(tx, wish.agentId);
  if (agent === undefined) throw agentNotFound();
  const splitId = wish.splitId || agent.split?.id;
  if (splitId === undefined) throw splitNotFound();
  const weights = new Map(agent.split?.id === splitId ? agent.split.arms.map((arm) => [arm.version, arm.weight]) : []);
  const ran = new Map((await armStatistics(tx, { agentId: agent.id, splitId })).map((arm) => [arm.version, arm]));
  const versions = [...new Set([...weights.keys(), ...ran.keys()])].sort((a, b) => a - b);
  if (versions.length === 0) throw splitNotFound();
  return {
    agentId: agent.id,
    splitId,
    arms: versions.map((version) => ({ ...(ran.get(version) ?? idle(version)), weight: weights.get(version) ?? 0 })),
  };
}

const idle = (version: number): ArmStatistics => ({
  version,
  executions: 0,
  completed: 0,
  notCompleted: 0,
  latencyP50Ms: undefined,
  latencyP95Ms: undefined,
  totalTokens: 0,
  costUsd: undefined,
});
