import type { Logger } from '@flotilla/observability';
import type { Database, TransactionScope } from '@flotilla/postgres';
import { type EncryptionKeyring, open } from '@flotilla/secrets';
import type { Config } from '../config.ts';
import { readFiles } from '../db/input-file-repository.ts';
import { type HealthNote, upsertHealth } from '../db/provider-health-repository.ts';
import { findProvider, findProviderBySlug } from '../db/provider-repository.ts';
import { findSecret } from '../db/provider-secret-repository.ts';
import type { Schema } from '../db/schema.ts';
import { type FilePart, modalityOf } from '../domain/input.ts';
import { providerNotFound } from '../domain/not-found.ts';
import type { Modality, Provider } from '../domain/provider.ts';
import { recordedProviderName } from '../domain/replay.ts';
import { secretPlace } from '../domain/secret-place.ts';
import type { CircuitBreakers, CircuitEvents } from './circuit-breakers.ts';
import { connectProvider, type ProviderConnection } from './connect-provider.ts';
import { type ModelProvider, ProviderFailure } from './model-provider.ts';
import type { OutboundFetch } from './outbound-fetch.ts';
import type { ResponseCache } from './response-cache.ts';

/** Names that no tenant's provider may have, configured or not: `local` costs nothing, nor does what was recorded. */
export const operatorNames: ReadonlySet<string> = new Set(['local', 'openai-compatible', recordedProviderName]);

/** Who is asked for a model, by the names that agents use. */
export interface Providers {
  /** Those that the operator configures, for every tenant. */
  readonly shared: ReadonlyMap<string, ModelProvider>;
  /**
   * The provider that a call at this model goes to: the operator's, the own one of whoever asks, or the tenant's. Looked
   * up at each call, so that a rotated key or a stop takes effect at once. Throws {@link ProviderFailure}.
   */
  find(
    scope: TransactionScope,
    name: string,
    model: string,
    options: {
      readonly cacheTtlMs: number | undefined;
      /** That go along. */
      readonly files: readonly FilePart[];
    },
  ): Promise<ModelProvider>;
  /** What metrics call a provider: the operator's by their names, all of tenants together. */
  labelOf(name: string): string;
  /** How to reach a provider of this id, active or not. Throws not_found. */
  connectionOf(scope: TransactionScope, id: string): Promise<ProviderConnection>;
}

export interface ProvidersOptions {
  readonly db: Database<Schema>;
  readonly config: Config['providers'];
  readonly keyring: EncryptionKeyring;
  /** For addresses that tenants name. */
  readonly outbound: Pick<OutboundFetch, 'fetch' | 'dispatcherFor'>;
  readonly maxAnswerBytes: number;
  readonly circuits: CircuitBreakers;
  /** Undefined without Redis. */
  readonly cache: ResponseCache | undefined;
  readonly log: Logger;
}

export function createProviders(options: ProvidersOptions): Providers {
  const { db, config, keyring, maxAnswerBytes, log } = options;
  const shared = sharedProviders(config, maxAnswerBytes);

  function connect(tenantId: string, provider: Provider, sealed: Uint8Array | undefined): ProviderConnection {
    const { slug, kind, baseUrl, timeoutMs = config.timeoutMs, idleTimeoutMs = config.idleTimeoutMs } = provider;
    const key = sealed && open(keyring, secretPlace(tenantId, provider), sealed);
    const own = { name: slug, kind, key, maxAnswerBytes, timeoutMs, idleTimeoutMs };
    return kind === 'local'
      ? { ...own, url: localUrl(config.localModel.url ?? '') }
      : { ...own, url: baseUrl, ...options.outbound };
  }

  async function lookUp(scope: TransactionScope, slug: string) {
    try {
      return await db.read({ principal: scope }, async (tx) => {
        const provider = await findProviderBySlug(tx, slug);
        return provider && { provider, sealed: await findSecret(tx, provider.id) };
      });
    } catch (cause) {
      const message = 'The provider could not be looked up.';
      throw new ProviderFailure('PROVIDER_UNAVAILABLE', message, { retryable: true, cause });
    }
  }

  /** The provider, which is given the files with each call. Read here: a database that is away is not the provider's fault. */
  async function withFiles(
    scope: TransactionScope,
    provider: ModelProvider,
    parts: readonly FilePart[],
  ): Promise<ModelProvider> {
    if (parts.length === 0) return provider;
    const hashes = [...new Set(parts.map(({ sha256 }) => sha256))];
    const files = await db
      .read({ principal: scope }, (tx) => readFiles(tx, hashes))
      .catch((cause: unknown) => {
        const message = 'The files of the prompt could not be read.';
        throw new ProviderFailure('PROVIDER_UNAVAILABLE', message, { retryable: true, cause });
      });
    return { ...provider, ask: (call, signal) => provider.ask({ ...call, files }, signal) };
  }

  function connectOrSay(...[tenantId, provider, sealed]: Parameters<typeof connect>): ProviderConnection {
    try {
      return connect(tenantId, provider, sealed);
    } catch (cause) {
      log.error({ err: cause, providerId: provider.id }, 'the secret of a provider cannot be opened');
      const message = 'The secret of the provider cannot be opened; set it again.';
      throw new ProviderFailure('PROVIDER_SECRET_UNREADABLE', message, { retryable: false, cause });
    }
  }

  function guarded(
    { tenantId }: TransactionScope,
    provider: ModelProvider,
    identity: string,
    cacheTtlMs: number | undefined,
    events?: CircuitEvents,
  ): ModelProvider {
    const behindCircuit = options.circuits.guard(`${tenantId}/${identity}`, provider, events);
    if (cacheTtlMs === undefined || options.cache === undefined) return behindCircuit;
    return options.cache.before(behindCircuit, { tenantId, identity, ttlMs: cacheTtlMs });
  }

  /** A circuit that opens or closes is news of the provider's health. */
  function healthEvents({ tenantId }: TransactionScope, providerId: string): CircuitEvents {
    const note = (what: HealthNote) =>
      void db
        .inTenant({ tenantId, actor: { type: 'system', id: 'llm-agent' } }, (tx) =>
          upsertHealth(tx, providerId, what, new Date()),
        )
        .catch((error: unknown) => log.warn({ err: error, providerId }, 'the health of a provider was not noted'));
    return {
      onOpen: ({ reason, message }) => note({ state: 'unhealthy', reason, message }),
      onClose: () => note({ state: 'healthy' }),
    };
  }

  return {
    shared,

    async find(scope, name, model, { cacheTtlMs, files }) {
      const ofOperator = shared.get(name);
      if (ofOperator !== undefined) {
        checkInputs(files, model, inputsOfShared(config, name));
        return guarded(scope, await withFiles(scope, ofOperator, files), name, cacheTtlMs);
      }
      const found = await lookUp(scope, name);
      if (found === undefined) throw final('PROVIDER_UNKNOWN', `There is no provider "${name}" any more.`);
      const { provider, sealed } = found;
      if (provider.status === 'inactive') throw final('PROVIDER_INACTIVE', `The provider "${name}" is inactive.`);
      if (provider.models.length > 0 && !provider.models.some((offered) => offered.name === model)) {
        throw final('MODEL_NOT_OFFERED', `The provider "${name}" does not offer the model "${model}".`);
      }
      checkInputs(files, model, inputsOf(provider, model));
      const connected = connectProvider(connectOrSay(scope.tenantId, provider, sealed));
      // Another revision may be another address: it starts with a circuit and a cache of its own.
      const identity = `${provider.id}/${provider.revision}`;
      const ready = await withFiles(scope, connected, files);
      return guarded(scope, ready, identity, cacheTtlMs, healthEvents(scope, provider.id));
    },

    labelOf: (name) => (shared.has(name) ? name : 'tenant'),

    async connectionOf(scope, id) {
      const { provider, sealed } = await db.read({ principal: scope }, async (tx) => {
        const provider = await findProvider(tx, id);
        if (provider === undefined) throw providerNotFound();
        return { provider, sealed: await findSecret(tx, id) };
      });
      return connect(scope.tenantId, provider, sealed);
    },
  };
}

function sharedProviders(
  { localModel, openaiCompatible, idleTimeoutMs }: Config['providers'],
  maxAnswerBytes: number,
): ReadonlyMap<string, ModelProvider> {
  const common = { kind: 'openai_compatible', maxAnswerBytes, idleTimeoutMs } as const;
  const connections: ProviderConnection[] = [];
  if (localModel.url !== undefined) {
    const { timeoutMs } = localModel;
    connections.push({ ...common, name: 'local', url: localUrl(localModel.url), key: undefined, timeoutMs });
  }
  const { url, key, timeoutMs } = openaiCompatible;
  if (url !== undefined) connections.push({ ...common, name: 'openai-compatible', url, key, timeoutMs });
  return new Map(connections.map((connection) => [connection.name, connectProvider(connection)]));
}

/** What a model takes besides text. */
function inputsOf({ kind, models }: Provider, model: string): readonly Modality[] {
  const listed = models.find(({ name }) => name === model);
  return listed?.inputs ?? inputsOfKind[kind] ?? [];
}

/** Where a model is not listed; the others are asked with text only. */
const inputsOfKind: Partial<Record<Provider['kind'], readonly Modality[]>> = {
  openai: ['image', 'pdf', 'audio'],
  anthropic: ['image', 'pdf'],
};

const inputsOfShared = ({ localModel, openaiCompatible }: Config['providers'], name: string) =>
  (name === 'local' ? localModel : openaiCompatible).inputs;

function checkInputs(files: readonly FilePart[], model: string, inputs: readonly Modality[]): void {
  const missing = files.map(modalityOf).find((modality) => !inputs.includes(modality));
  if (missing === undefined) return;
  const takes = inputs.length === 0 ? 'takes text only' : `takes text, ${inputs.join(', ')}`;
  throw final('MODEL_INPUT_UNSUPPORTED', `The model "${model}" ${takes}; with this message goes: ${missing}.`);
}

const localUrl = (url: string) => `${url.replace(/\/+$/, '')}/v1`;

const final = (reason: ConstructorParameters<typeof ProviderFailure>[0], message: string) =>
  new ProviderFailure(reason, message, { retryable: false });
