import type { Logger } from '@flotilla/observability';
import type { Database, TransactionScope } from '@flotilla/postgres';
import { type EncryptionKeyring, open } from '@flotilla/secrets';
import type { Config } from '../config.ts';
import { type HealthNote, upsertHealth } from '../db/provider-health-repository.ts';
import { findProvider, findProviderBySlug } from '../db/provider-repository.ts';
import { findSecret } from '../db/provider-secret-repository.ts';
import type { Schema } from '../db/schema.ts';
import { providerNotFound } from '../domain/not-found.ts';
import type { Provider } from '../domain/provider.ts';
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
    options: { readonly cacheTtlMs: number | undefined },
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
    const { slug, kind, baseUrl, timeoutMs } = provider;
    const key = sealed && open(keyring, secretPlace(tenantId, provider), sealed);
    const own = { name: slug, kind, key, maxAnswerBytes, timeoutMs };
    return kind === 'local'
      ? { ...own, url: localUrl(config.localModelUrl ?? '') }
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

    async find(scope, name, model, { cacheTtlMs }) {
      const ofOperator = shared.get(name);
      if (ofOperator !== undefined) return guarded(scope, ofOperator, name, cacheTtlMs);
      const found = await lookUp(scope, name);
      if (found === undefined) throw final('PROVIDER_UNKNOWN', `There is no provider "${name}" any more.`);
      const { provider, sealed } = found;
      if (provider.status === 'inactive') throw final('PROVIDER_INACTIVE', `The provider "${name}" is inactive.`);
      if (provider.models.length > 0 && !provider.models.some((offered) => offered.name === model)) {
        throw final('MODEL_NOT_OFFERED', `The provider "${name}" does not offer the model "${model}".`);
      }
      const connected = connectProvider(connectOrSay(scope.tenantId, provider, sealed));
      // Another revision may be another address: it starts with a circuit and a cache of its own.
      const identity = `${provider.id}/${provider.revision}`;
      return guarded(scope, connected, identity, cacheTtlMs, healthEvents(scope, provider.id));
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
  { localModelUrl, openaiCompatible }: Config['providers'],
  maxAnswerBytes: number,
): ReadonlyMap<string, ModelProvider> {
  const providers: ModelProvider[] = [];
  const kind = 'openai_compatible';
  if (localModelUrl !== undefined) {
    const own = { name: 'local', url: localUrl(localModelUrl), key: undefined };
    providers.push(connectProvider({ ...own, kind, maxAnswerBytes }));
  }
  if (openaiCompatible.url !== undefined) {
    const own = { name: 'openai-compatible', ...openaiCompatible };
    providers.push(connectProvider({ ...own, url: openaiCompatible.url, kind, maxAnswerBytes }));
  }
  return new Map(providers.map((provider) => [provider.name, provider]));
}

const localUrl = (url: string) => `${url.replace(/\/+$/, '')}/v1`;

const final = (reason: ConstructorParameters<typeof ProviderFailure>[0], message: string) =>
  new ProviderFailure(reason, message, { retryable: false });
