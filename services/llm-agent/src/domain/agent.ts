import { createHash } from 'node:crypto';
import { AppError } from '@flotilla/errors';
import canonicalize from 'canonicalize';
import { diffJson, type JsonChange } from './json-diff.ts';
import { checkOutputSchema, type JsonObject, type JsonValue } from './output-schema.ts';
import { type AgentRouting, checkRouting } from './routing.ts';
import type { AgentSplit } from './split.ts';

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
  /** Rounds of tool calls. */
  readonly maxIterations?: number;
}

/** What an execution depends on: a change of it is a new version. */
export interface AgentContent {
  readonly provider: string;
  readonly model: string;
  readonly parameters: AgentParameters;
  readonly systemPrompt: string;
  readonly outputSchema: JsonObject | undefined;
  /** Names of the tools that the model may call. */
  readonly tools: readonly string[];
}

/** Something an agent can do, and how well: 0 up to 1. */
export interface AgentCapability {
  readonly capability: string;
  readonly proficiencyLevel: number;
}

export interface Agent extends AgentContent {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly description: string;
  readonly limits: AgentLimits;
  readonly status: AgentStatus;
  readonly tags: readonly string[];
  readonly capabilities: readonly AgentCapability[];
  readonly memoryEnabled: boolean;
  readonly routing: AgentRouting;
  readonly split: AgentSplit | undefined;
  readonly version: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly revision: number;
}

/** What changes without a new version, because no execution notices. */
type AgentDescription = Pick<
  Agent,
  'name' | 'description' | 'limits' | 'tags' | 'capabilities' | 'memoryEnabled' | 'routing'
>;
export type AgentWish = AgentContent & AgentDescription & Pick<Agent, 'slug'>;
export type AgentChange = Partial<AgentContent & AgentDescription & Pick<Agent, 'status' | 'split'>>;

/** Which providers can be named. */
export type KnownProviders = ReadonlySet<string>;

/** An agent as it begins: active, version 1. */
export function createAgent(
  wish: AgentWish,
  known: { id: string; createdBy: string; now: Date; providers: KnownProviders },
): Agent {
  checkContent(wish, known.providers);
  checkRouting(wish, wish.routing, known.providers);
  checkCapabilities(wish);
  const { id, createdBy, now } = known;
  const times = { createdAt: now, updatedAt: now };
  return { ...wish, id, createdBy, status: 'active', split: undefined, version: 1, ...times, revision: 1 };
}

/** The agent after the change; the version counts up when executions would notice. */
export function changeAgent(agent: Agent, change: AgentChange, known: { now: Date; providers: KnownProviders }): Agent {
  if (agent.status === 'archived') {
    throw new AppError('failed_precondition', 'AGENT_ARCHIVED', 'An archived agent does not change any more.');
  }
  const changed = { ...agent, ...change };
  checkCapabilities(changed);
  const sameContent = contentHash(changed) === contentHash(agent);
  if (!sameContent) checkContent(changed, known.providers);
  if (!sameContent || change.routing !== undefined) checkRouting(changed, changed.routing, known.providers);
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
export function contentHash(content: AgentContent): string {
  return createHash('sha256')
    .update(canonicalize(contentOf(content)) ?? '')
    .digest('hex');
}

/** What is different between two contents, by JSON pointer. */
export function diffContents(before: AgentContent, after: AgentContent): readonly JsonChange[] {
  return diffJson(contentOf(before), contentOf(after));
}

/** The content as JSON. No tools are not mentioned: contents from before there were tools keep their hash. */
export function contentOf({ provider, model, parameters, systemPrompt, outputSchema, tools }: AgentContent): JsonValue {
  const content = { provider, model, parameters: { ...parameters }, systemPrompt, outputSchema: outputSchema ?? null };
  return tools.length === 0 ? content : { ...content, tools: [...tools] };
}

function checkCapabilities({ capabilities }: Pick<Agent, 'capabilities'>): void {
  if (new Set(capabilities.map(({ capability }) => capability)).size < capabilities.length) {
    throw new AppError('invalid_argument', 'CAPABILITY_REPEATED', 'An agent has a capability once.');
  }
}

function checkContent(content: AgentContent, providers: KnownProviders): void {
  if (!providers.has(content.provider)) throw unknownProvider(content.provider, providers);
  if (content.outputSchema !== undefined) checkOutputSchema(content.outputSchema);
}

function unknownProvider(provider: string, providers: KnownProviders): AppError {
  const message = `There is no provider "${provider}"; known: ${[...providers].sort().join(', ') || 'none'}.`;
  return new AppError('invalid_argument', 'PROVIDER_UNKNOWN', message, {
    violations: [{ field: 'provider', reason: 'PROVIDER_UNKNOWN', message }],
  });
}
