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

/** How many agents llm-agent is asked for at the same time. */
const ASKED_AT_ONCE = 8;

function keyOf({ by, name }: AgentReference): string {
  return `${by} ${name}`;
}

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

  /** What llm-agent says of agents, each asked for once, some at a time; those that it says nothing of are not among them. */
  async function askAll(call: Call, references: readonly AgentReference[]) {
    const left = new Map(references.map((reference) => [keyOf(reference), reference])).entries();
    const said = new Map<string, KnownAgent | undefined>();
    const askOn = async (): Promise<void> => {
      for (const [key, reference] of left) {
        try {
          said.set(key, await ask(call, reference));
        } catch (error) {
          if (error instanceof AppError && error.code === 'not_found') said.set(key, undefined);
        }
      }
    };
    await Promise.all(Array.from({ length: ASKED_AT_ONCE }, askOn));
    return said;
  }

  return {
    async problemsWith(call, references) {
      if (references.length === 0) return [];
      const namesBy = (by: AgentReference['by']) => references.filter((one) => one.by === by).map(({ name }) => name);
      const names = { ids: namesBy('id').filter(isUuid), slugs: namesBy('slug') };
      const cached = await db.read(call, (tx) => findAgents(tx, names));
      const byCache = references.map((reference) => {
        const known = cached.find((agent) => agent[reference.by] === reference.name);
        return { reference, problem: problemWithAgent(reference, known) };
      });
      const doubtful = byCache.filter(({ problem }) => problem !== undefined).map(({ reference }) => reference);
      const said = await askAll(
        call,
        doubtful.filter(({ by, name }) => by === 'slug' || isUuid(name)),
      );
      return byCache.flatMap(({ reference, problem }) => {
        const key = keyOf(reference);
        return (said.has(key) ? problemWithAgent(reference, said.get(key)) : problem) ?? [];
      });
    },
  };
}
