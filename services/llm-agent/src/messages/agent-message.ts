import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Duration, durationFromMs, durationMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type AgentCapability as AgentCapabilityMessage,
  type AgentLimits as AgentLimitsMessage,
  type AgentParameters as AgentParametersMessage,
  type AgentRouting as AgentRoutingMessage,
  type AgentSchema,
  AgentStatus as AgentStatusMessage,
  type AgentVersionSchema,
  type CreateAgentRequest,
  type UpdateAgentRequest,
} from '@flotilla/contracts/agent';
import type { AgentVersion } from '../db/agent-repository.ts';
import {
  type Agent,
  type AgentCapability,
  type AgentChange,
  type AgentLimits,
  type AgentParameters,
  type AgentStatus,
  type AgentWish,
  contentHash,
} from '../domain/agent.ts';
import type { JsonObject } from '../domain/output-schema.ts';
import type { AgentRouting } from '../domain/routing.ts';

const statusMessages: Record<AgentStatus, AgentStatusMessage> = {
  active: AgentStatusMessage.ACTIVE,
  inactive: AgentStatusMessage.INACTIVE,
  archived: AgentStatusMessage.ARCHIVED,
};

export function toAgentMessage(agent: Agent): MessageInitShape<typeof AgentSchema> {
  return {
    id: agent.id,
    name: agent.name,
    slug: agent.slug,
    description: agent.description,
    ...toContentMessage(agent),
    limits: {
      ...(agent.limits.timeoutMs === undefined ? {} : { timeout: durationFromMs(agent.limits.timeoutMs) }),
      maxAttempts: agent.limits.maxAttempts ?? 0,
      maxIterations: agent.limits.maxIterations ?? 0,
    },
    status: statusMessages[agent.status],
    tags: [...agent.tags],
    capabilities: agent.capabilities.map((capability) => ({ ...capability })),
    memoryEnabled: agent.memoryEnabled,
    routing: toRoutingMessage(agent.routing),
    contentHash: contentHash(agent),
    ...(agent.split === undefined
      ? {}
      : { split: { id: agent.split.id, arms: agent.split.arms.map((arm) => ({ ...arm })) } }),
    version: agent.version,
    createdBy: agent.createdBy,
    createTime: timestampFromDate(agent.createdAt),
    updateTime: timestampFromDate(agent.updatedAt),
    etag: String(agent.revision),
  };
}

export function toAgentVersionMessage(version: AgentVersion): MessageInitShape<typeof AgentVersionSchema> {
  return {
    agentId: version.agentId,
    version: version.version,
    contentHash: version.contentHash,
    ...toContentMessage(version),
    createTime: timestampFromDate(version.createdAt),
  };
}

export function toAgentWish(request: CreateAgentRequest): AgentWish {
  return {
    name: request.name,
    slug: request.slug,
    description: request.description,
    provider: request.provider,
    model: request.model,
    parameters: toParameters(request.parameters),
    systemPrompt: request.systemPrompt,
    outputSchema: toSchema(request.outputSchema),
    limits: toLimits(request.limits),
    tags: request.tags,
    tools: request.tools,
    capabilities: request.capabilities.map(toCapability),
    memoryEnabled: request.memoryEnabled,
    routing: toRouting(request.routing),
  };
}

/** What is not set stays as it is; an empty schema means free text. */
export function toAgentChange(request: UpdateAgentRequest): AgentChange {
  const status = toStatus(request.status);
  return {
    ...(request.name === undefined ? {} : { name: request.name }),
    ...(request.description === undefined ? {} : { description: request.description }),
    ...(request.provider === undefined ? {} : { provider: request.provider }),
    ...(request.model === undefined ? {} : { model: request.model }),
    ...(request.parameters === undefined ? {} : { parameters: toParameters(request.parameters) }),
    ...(request.systemPrompt === undefined ? {} : { systemPrompt: request.systemPrompt }),
    ...(request.outputSchema === undefined ? {} : { outputSchema: toSchema(request.outputSchema) }),
    ...(request.limits === undefined ? {} : { limits: toLimits(request.limits) }),
    ...(status === undefined ? {} : { status }),
    ...(request.tools === undefined ? {} : { tools: request.tools.tools }),
    ...(request.tags === undefined ? {} : { tags: request.tags.tags }),
    ...(request.capabilities === undefined
      ? {}
      : { capabilities: request.capabilities.capabilities.map(toCapability) }),
    ...(request.routing === undefined ? {} : { routing: toRouting(request.routing) }),
    ...(request.memoryEnabled === undefined ? {} : { memoryEnabled: request.memoryEnabled }),
  };
}

function toRoutingMessage({ fallbacks = [], hopOnRefusal = false, cacheTtlMs }: AgentRouting) {
  return {
    fallbacks: fallbacks.map((route) => ({ ...route })),
    hopOnRefusal,
    ...(cacheTtlMs === undefined ? {} : { cacheTtl: durationFromMs(cacheTtlMs) }),
  };
}

function toRouting(message: AgentRoutingMessage | undefined): AgentRouting {
  const { fallbacks = [], hopOnRefusal = false, cacheTtl } = message ?? {};
  return {
    ...(fallbacks.length === 0 ? {} : { fallbacks: fallbacks.map(({ provider, model }) => ({ provider, model })) }),
    ...(hopOnRefusal ? { hopOnRefusal } : {}),
    ...(cacheTtl === undefined ? {} : { cacheTtlMs: Math.max(1, Math.round(durationMs(cacheTtl))) }),
  };
}

/** Undefined for "unspecified". */
export function toStatus(message: AgentStatusMessage | undefined): AgentStatus | undefined {
  return (Object.keys(statusMessages) as AgentStatus[]).find((status) => statusMessages[status] === message);
}

function toContentMessage({ provider, model, parameters, systemPrompt, outputSchema, tools }: Agent | AgentVersion) {
  const { seed, ...others } = parameters;
  return {
    provider,
    model,
    parameters: { ...others, ...(seed === undefined ? {} : { seed: BigInt(seed) }) },
    systemPrompt,
    tools: [...tools],
    ...(outputSchema === undefined ? {} : { outputSchema }),
  };
}

export function toParameters(message: AgentParametersMessage | undefined): AgentParameters {
  return {
    ...(message?.temperature === undefined ? {} : { temperature: message.temperature }),
    ...(message?.maxTokens === undefined ? {} : { maxTokens: message.maxTokens }),
    ...(message?.topP === undefined ? {} : { topP: message.topP }),
    ...(message?.seed === undefined ? {} : { seed: String(message.seed) }),
  };
}

function toLimits(message: AgentLimitsMessage | undefined): AgentLimits {
  const timeout: Duration | undefined = message?.timeout;
  const maxAttempts = message?.maxAttempts ?? 0;
  const maxIterations = message?.maxIterations ?? 0;
  return {
    ...(timeout === undefined ? {} : { timeoutMs: Math.max(1, Math.round(durationMs(timeout))) }),
    ...(maxAttempts === 0 ? {} : { maxAttempts }),
    ...(maxIterations === 0 ? {} : { maxIterations }),
  };
}

function toCapability({ capability, proficiencyLevel }: AgentCapabilityMessage): AgentCapability {
  return { capability, proficiencyLevel };
}

function toSchema(schema: object | undefined): JsonObject | undefined {
  return schema === undefined || Object.keys(schema).length === 0 ? undefined : (schema as JsonObject);
}
