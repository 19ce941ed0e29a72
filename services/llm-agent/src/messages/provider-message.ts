import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Duration, durationFromMs, durationMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type CreateProviderRequest,
  Modality as ModalityMessage,
  type ProviderHealthSchema,
  ProviderHealthState,
  ProviderKind as ProviderKindMessage,
  type ProviderModel,
  type ProviderSchema,
  ProviderStatus as ProviderStatusMessage,
  type UpdateProviderRequest,
} from '@flotilla/contracts/agent';
import type { ProviderHealth } from '../db/provider-health-repository.ts';
import type {
  Modality,
  OfferedModel,
  Provider,
  ProviderChange,
  ProviderKind,
  ProviderStatus,
  ProviderWish,
} from '../domain/provider.ts';

const kindMessages: Record<ProviderKind, ProviderKindMessage> = {
  openai: ProviderKindMessage.OPENAI,
  anthropic: ProviderKindMessage.ANTHROPIC,
  ollama: ProviderKindMessage.OLLAMA,
  openai_compatible: ProviderKindMessage.OPENAI_COMPATIBLE,
  local: ProviderKindMessage.LOCAL,
};

const statusMessages: Record<ProviderStatus, ProviderStatusMessage> = {
  active: ProviderStatusMessage.ACTIVE,
  inactive: ProviderStatusMessage.INACTIVE,
};

const modalityMessages: Record<Modality, ModalityMessage> = {
  image: ModalityMessage.IMAGE,
  pdf: ModalityMessage.PDF,
  audio: ModalityMessage.AUDIO,
};

export function toProviderMessage(
  provider: Provider,
  health?: ProviderHealth,
): MessageInitShape<typeof ProviderSchema> {
  return {
    id: provider.id,
    name: provider.name,
    slug: provider.slug,
    kind: kindMessages[provider.kind],
    baseUrl: provider.baseUrl,
    models: provider.models.map(({ name, inputs }) => ({
      name,
      inputs: inputs.map((input) => modalityMessages[input]),
    })),
    defaultModel: provider.defaultModel,
    ...(provider.timeoutMs === undefined ? {} : { timeout: durationFromMs(provider.timeoutMs) }),
    ...(provider.idleTimeoutMs === undefined ? {} : { idleTimeout: durationFromMs(provider.idleTimeoutMs) }),
    ownerId: provider.ownerId ?? '',
    status: statusMessages[provider.status],
    ...(health === undefined ? {} : { health: toHealthMessage(health) }),
    ...(provider.secretUpdatedAt === undefined
      ? {}
      : { secretUpdateTime: timestampFromDate(provider.secretUpdatedAt) }),
    createdBy: provider.createdBy,
    createTime: timestampFromDate(provider.createdAt),
    updateTime: timestampFromDate(provider.updatedAt),
    etag: String(provider.revision),
  };
}

export function toHealthMessage(health: ProviderHealth): MessageInitShape<typeof ProviderHealthSchema> {
  return {
    state: health.state === 'healthy' ? ProviderHealthState.HEALTHY : ProviderHealthState.UNHEALTHY,
    checkTime: timestampFromDate(health.checkedAt),
    errorReason: health.errorReason,
    errorMessage: health.errorMessage,
    ...(health.errorAt === undefined ? {} : { errorTime: timestampFromDate(health.errorAt) }),
  };
}

export function toProviderWish(request: CreateProviderRequest, ownerId: string | undefined): ProviderWish {
  return {
    name: request.name,
    slug: request.slug,
    kind: wordOf(kindMessages, request.kind) ?? 'openai_compatible',
    baseUrl: request.baseUrl,
    secret: request.secret,
    models: request.models.map(toModel),
    defaultModel: request.defaultModel,
    timeoutMs: toMs(request.timeout),
    idleTimeoutMs: toMs(request.idleTimeout),
    ownerId,
  };
}

/** What is not set stays as it is. */
export function toProviderChange(request: UpdateProviderRequest): ProviderChange {
  const status = wordOf(statusMessages, request.status);
  return {
    ...(request.name === undefined ? {} : { name: request.name }),
    ...(request.baseUrl === undefined ? {} : { baseUrl: request.baseUrl }),
    ...(request.secret === undefined ? {} : { secret: request.secret }),
    ...(request.models === undefined ? {} : { models: request.models.models.map(toModel) }),
    ...(request.defaultModel === undefined ? {} : { defaultModel: request.defaultModel }),
    ...(request.timeout === undefined ? {} : { timeoutMs: toMs(request.timeout) }),
    ...(request.idleTimeout === undefined ? {} : { idleTimeoutMs: toMs(request.idleTimeout) }),
    ...(status === undefined ? {} : { status }),
  };
}

function toModel({ name, inputs }: ProviderModel): OfferedModel {
  return { name, inputs: inputs.flatMap((input) => wordOf(modalityMessages, input) ?? []) };
}

function toMs(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : Math.max(1, Math.round(durationMs(duration)));
}

/** Undefined for "unspecified". */
function wordOf<Word extends string>(messages: Record<Word, number>, message: number | undefined): Word | undefined {
  return (Object.keys(messages) as Word[]).find((word) => messages[word] === message);
}
