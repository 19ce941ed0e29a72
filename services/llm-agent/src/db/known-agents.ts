import type { ReadTx } from '@flotilla/postgres';
import { type Agent, contentHash } from '../domain/agent.ts';
import { findAgent } from './agent-repository.ts';
import type { Schema } from './schema.ts';

/** An agent as it was when it was last read, with the hash of its content. */
export interface KnownAgent {
  readonly agent: Agent;
  readonly contentHash: string;
}

/**
 * Active agents that were read before. What is found here may have changed meanwhile: whoever writes by it has that very
 * statement hold the agent's revision against the row, and forgets the agent when it differs.
 */
export interface KnownAgents {
  find(tx: ReadTx<Schema>, id: string): Promise<KnownAgent | undefined>;
  forget(tx: ReadTx<Schema>, id: string): void;
}

const maxKnown = 2_000;

export function createKnownAgents(): KnownAgents {
  const agents = new Map<string, KnownAgent>();
  const keyOf = (tx: ReadTx<Schema>, id: string) => `${tx.scope.tenantId}/${id}`;
  return {
    async find(tx, id) {
      const key = keyOf(tx, id);
      const known = agents.get(key);
      if (known !== undefined) return known;
      const agent = await findAgent(tx, id);
      if (agent === undefined) return undefined;
      const read = { agent, contentHash: contentHash(agent) };
      // Nobody writes by one that does not run, so nobody would notice that it runs again.
      if (agent.status !== 'active') return read;
      agents.set(key, read);
      if (agents.size > maxKnown) agents.delete(agents.keys().next().value ?? '');
      return read;
    },
    forget: (tx, id) => void agents.delete(keyOf(tx, id)),
  };
}
