import type { JsonObject } from './json.ts';
import type { Problem } from './problem.ts';

/** An agent that a definition names. One that an expression names is known in a run only. */
export interface AgentReference {
  /** Where its name stands. */
  readonly pointer: string;
  readonly stepId: string;
  readonly by: 'id' | 'slug';
  readonly name: string;
  /** 0: the newest. */
  readonly version: number;
}

/** What is known of an agent. */
export interface KnownAgent {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly status: 'active' | 'inactive' | 'archived';
  /** The newest. */
  readonly version: number;
  readonly outputSchema: JsonObject | undefined;
}

/** What keeps a definition that names this agent from being activated. An inactive one may become active before a run. */
export function problemWithAgent(reference: AgentReference, agent: KnownAgent | undefined): Problem | undefined {
  const { pointer, name, version } = reference;
  if (agent === undefined) return { pointer, reason: 'AGENT_UNKNOWN', message: `There is no agent "${name}".` };
  if (agent.status === 'archived') {
    return { pointer, reason: 'AGENT_ARCHIVED', message: `The agent "${name}" is archived.` };
  }
  if (version <= agent.version) return undefined;
  const at = pointer.replace(/[^/]*$/, 'agentVersion');
  return { pointer: at, reason: 'AGENT_VERSION_UNKNOWN', message: `The agent "${name}" has no version ${version}.` };
}
