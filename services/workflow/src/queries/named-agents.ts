import type { AgentService } from '@flotilla/contracts/agent';
import { AppError } from '@flotilla/errors';
import type { Call, GrpcClient } from '@flotilla/grpc';
import type { Database } from '@flotilla/postgres';
import { findAgents } from '../db/agent-cache-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type AgentReference, type KnownAgent, problemWithAgent } from '../domain/agent-reference.ts';
import type { Problem } from '../domain/problem.ts';
import { fromAgent } from '../messages/known-agent.ts';

/** Tells of the agents that definitions name. */
export interface NamedAgents {
  /** What keeps a definition from being activated that names these agents. */
  problemsWith(call: Call, references: readonly AgentReference[]): Promise<readonly Problem[]>;
}

/** Whether a text can be an agent's id. */
export function isUuid(text: string): boolean {
  return uuid.test(text);
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The cache answers for the agents that it knows. What it would refuse is asked of llm-agent, for the cache may not have heard of
 * it yet; where the caller may not ask there, or nobody answers, the cache's word counts.
 */
export function createNamedAgents(db: Database<Schema>, agents: GrpcClient<typeof AgentService>): NamedAgents {
  async function ask(call: Call, { by, name }: AgentReference): Promise<KnownAgent | undefined> {
    const options = { token: call.token, signal: call.signal };
    const found =
      by === 'id'
        ? await agents.getAgent({ id: name }, options)
        : (await agents.listAgents({ slug: name, pageSize: 1 }, options)).agents[0];
    return found && fromAgent(found);
  }

  async function problemWith(call: Call, reference: AgentReference, cached: KnownAgent | undefined) {
    const problem = problemWithAgent(reference, cached);
    if (problem === undefined || (reference.by === 'id' && !isUuid(reference.name))) return problem;
    try {
      return problemWithAgent(reference, await ask(call, reference));
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_found') return problemWithAgent(reference, undefined);
      return problem;
    }
  }

  return {
    async problemsWith(call, references) {
      if (references.length === 0) return [];
      const namesBy = (by: AgentReference['by']) => references.filter((one) => one.by === by).map(({ name }) => name);
      const names = { ids: namesBy('id').filter(isUuid), slugs: namesBy('slug') };
      const cached = await db.read(call, (tx) => findAgents(tx, names));
      const problems: Problem[] = [];
      for (const reference of references) {
        const known = cached.find((agent) => agent[reference.by] === reference.name);
        const problem = await problemWith(call, reference, known);
        if (problem !== undefined) problems.push(problem);
      }
      return problems;
    },
  };
}
