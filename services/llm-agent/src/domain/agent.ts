import { createHash } from 'node:crypto';
import { AppError } from '@flotilla/errors';
import canonicalize from 'canonicalize';
import { checkOutputSchema, type JsonObject } from './output-schema.ts';

export type AgentStatus = 'active' | 'inactive' | 'archived';

/** Sent to the provider as they are; what is not set is left to the provider. */
export interface AgentParameters {
  readonly temperature?: number;
  readonly maxTokens?: number;
  readonly topP?: number;
  /** Decimal: an int64 in the contract. */
  readonly seed?: string;
}

/** What is not set is the service's default. */
export interface AgentLimits {
  readonly timeoutMs?: number;
  readonly maxAttempts?: number;
}

/** What an execution depends on: a change of it is a new version. */
export interface AgentContent {
  readonly provider: string;
  readonly model: string;
  readonly parameters: AgentParameters;
  readonly systemPrompt: string;
  readonly outputSchema: JsonObject | undefined;
}

export interface Agent extends AgentContent {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly description: string;
  readonly limits: AgentLimits;
  readonly status: AgentStatus;
  readonly tags: readonly string[];
  readonly version: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly revision: number;
}

export type AgentWish = AgentContent & Pick<Agent, 'name' | 'slug' | 'description' | 'limits' | 'tags'>;
export type AgentChange = Partial<AgentContent & Pick<Agent, 'name' | 'description' | 'limits' | 'status'>>;

/** Which providers this fleet is configured with. */
export type KnownProviders = ReadonlySet<string>;

/** An agent as it begins: active, version 1. */
export function createAgent(
  wish: AgentWish,
  known: { id: string; createdBy: string; now: Date; providers: KnownProviders },
): Agent {
  checkContent(wish, known.providers);
  const { id, createdBy, now } = known;
  return { ...wish, id, createdBy, status: 'active', version: 1, createdAt: now, updatedAt: now, revision: 1 };
}

/** The agent after the change; the version counts up when executions would notice. */
export function changeAgent(agent: Agent, change: AgentChange, known: { now: Date; providers: KnownProviders }): Agent {
  if (agent.status === 'archived') {
    throw new AppError('failed_precondition', 'AGENT_ARCHIVED', 'An archived agent does not change any more.');
  }
  const changed = { ...agent, ...change };
  const sameContent = contentHash(changed) === contentHash(agent);
  if (!sameContent) checkContent(changed, known.providers);
  return { ...changed, version: agent.version + (sameContent ? 0 : 1), updatedAt: known.now };
}

/** Refuses to run an agent that is not active. */
export function checkRunnable(agent: Agent): void {
  if (agent.status === 'inactive') {
    throw new AppError('failed_precondition', 'AGENT_INACTIVE', 'The agent is inactive.');
  }
  if (agent.status === 'archived') {
    throw new AppError('failed_precondition', 'AGENT_ARCHIVED', 'The agent is archived.');
  }
}

/** SHA-256 over the canonical JSON (RFC 8785) of the content, in hexadecimal. */
export function contentHash({ provider, model, parameters, systemPrompt, outputSchema }: AgentContent): string {
  const content = canonicalize({ provider, model, parameters, systemPrompt, outputSchema: outputSchema ?? null });
  return createHash('sha256')
    .update(content ?? '')
    .digest('hex');
}

function checkContent(content: AgentContent, providers: KnownProviders): void {
  if (!providers.has(content.provider)) throw unknownProvider(content.provider, providers);
  if (content.outputSchema !== undefined) checkOutputSchema(content.outputSchema);
}

function unknownProvider(provider: string, providers: KnownProviders): AppError {
  const message = `There is no provider "${provider}"; configured: ${[...providers].sort().join(', ') || 'none'}.`;
  return new AppError('invalid_argument', 'PROVIDER_UNKNOWN', message, {
    violations: [{ field: 'provider', reason: 'PROVIDER_UNKNOWN', message }],
  });
}
