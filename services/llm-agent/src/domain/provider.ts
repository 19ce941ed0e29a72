import { AppError } from '@flotilla/errors';

export type ProviderKind = 'openai' | 'anthropic' | 'ollama' | 'openai_compatible' | 'local';
export type ProviderStatus = 'active' | 'inactive';
/** What a model takes besides text. */
export type Modality = 'image' | 'pdf' | 'audio';

export interface OfferedModel {
  readonly name: string;
  readonly inputs: readonly Modality[];
}

/** Where models are asked. The secret is not part of it: see `SealedSecret`. */
export interface Provider {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly kind: ProviderKind;
  /** Empty for `local` only. */
  readonly baseUrl: string;
  /** None means any. */
  readonly models: readonly OfferedModel[];
  readonly defaultModel: string;
  /** Of a whole call. */
  readonly timeoutMs: number | undefined;
  /** Of silence, before the answer and in the middle of it. */
  readonly idleTimeoutMs: number | undefined;
  /** Whose own it is; undefined for the tenant's. */
  readonly ownerId: string | undefined;
  readonly status: ProviderStatus;
  /** Undefined without a secret. */
  readonly secretUpdatedAt: Date | undefined;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly revision: number;
}

export type ProviderWish = Pick<
  Provider,
  'name' | 'slug' | 'kind' | 'baseUrl' | 'models' | 'defaultModel' | 'timeoutMs' | 'idleTimeoutMs' | 'ownerId'
> & { readonly secret: string };

export type ProviderChange = Partial<
  Pick<Provider, 'name' | 'baseUrl' | 'models' | 'defaultModel' | 'timeoutMs' | 'idleTimeoutMs' | 'status'>
> & {
  /** Empty removes the kept one. */
  readonly secret?: string;
};

/** What is known of the installation when a provider is decided about. */
export interface ProviderRules {
  /** Names of the operator's own providers, which no tenant takes. */
  readonly sharedNames: ReadonlySet<string>;
  /** Whether the address may be called, as far as that can be said without resolving its name. */
  readonly allowsAddress: (url: URL) => boolean;
  /** Whether the operator allows this `host:port` by name, so that plain HTTP will do. */
  readonly allowsPlain: (url: URL) => boolean;
  readonly hasLocalModel: boolean;
}

const publicUrls: Partial<Record<ProviderKind, string>> = {
  openai: 'https://api.openai.com/v1',
  anthropic: 'https://api.anthropic.com/v1',
};

/** A provider as it begins: active. */
export function createProvider(
  { secret, ...wish }: ProviderWish,
  known: ProviderRules & { id: string; createdBy: string; now: Date },
): Provider {
  if (known.sharedNames.has(wish.slug)) {
    throw new AppError('already_exists', 'PROVIDER_SLUG_TAKEN', 'There is a provider of this slug.');
  }
  const { id, createdBy, now } = known;
  return {
    ...wish,
    baseUrl: checkBaseUrl(wish.kind, wish.baseUrl, known),
    ...checkModels(wish),
    id,
    createdBy,
    status: 'active',
    secretUpdatedAt: checkSecret(wish.kind, secret) === '' ? undefined : now,
    createdAt: now,
    updatedAt: now,
    revision: 1,
  };
}

/** The provider after the change. A kept secret is never sent to another address: it has to be given again. */
export function changeProvider(
  provider: Provider,
  { secret, ...change }: ProviderChange,
  known: ProviderRules & { now: Date },
): Provider {
  const changed = { ...provider, ...change };
  const baseUrl = change.baseUrl === undefined ? provider.baseUrl : checkBaseUrl(provider.kind, change.baseUrl, known);
  const moved = originOf(baseUrl) !== originOf(provider.baseUrl);
  if (moved && secret === undefined && provider.secretUpdatedAt !== undefined) {
    throw new AppError(
      'failed_precondition',
      'PROVIDER_SECRET_NEEDED',
      'Another address needs its secret again: the kept one is not sent elsewhere.',
    );
  }
  if (secret !== undefined) checkSecret(provider.kind, secret);
  const secretUpdatedAt = secret === undefined ? provider.secretUpdatedAt : secret === '' ? undefined : known.now;
  return { ...changed, ...checkModels(changed), baseUrl, secretUpdatedAt, updatedAt: known.now };
}

/** Scheme, host and port; empty without an address. Sealed secrets are bound to it. */
export function originOf(baseUrl: string): string {
  return baseUrl === '' ? '' : new URL(baseUrl).origin;
}

function checkBaseUrl(kind: ProviderKind, given: string, rules: ProviderRules): string {
  if (kind === 'local') {
    if (given !== '') throw invalidUrl('The local model has no address of its own.');
    if (!rules.hasLocalModel) throw invalidUrl('This fleet has no local model.', 'PROVIDER_KIND_UNAVAILABLE');
    return '';
  }
  const text = given === '' ? publicUrls[kind] : given;
  if (text === undefined) throw invalidUrl('This kind of provider needs an address.');
  const url = URL.parse(text);
  const bare = url !== null && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!bare || !['http:', 'https:'].includes(url.protocol)) {
    throw invalidUrl('The address is a plain http or https URL, without credentials, query and fragment.');
  }
  if (url.protocol === 'http:' && !rules.allowsPlain(url)) {
    throw invalidUrl('A key is sent by https only, except to what the operator allows by name.');
  }
  if (!rules.allowsAddress(url)) {
    const message = 'The address is not on the public internet, and the operator does not allow it by name.';
    throw invalidUrl(message, 'PROVIDER_URL_PRIVATE');
  }
  return text.replace(/\/+$/, '');
}

function checkModels({ models, defaultModel }: Pick<Provider, 'models' | 'defaultModel'>) {
  const names = models.map(({ name }) => name);
  if (new Set(names).size < names.length) throw invalidModels('models', 'A model is listed twice.');
  if (defaultModel !== '' && names.length > 0 && !names.includes(defaultModel)) {
    throw invalidModels('default_model', 'The default is none of the models that are listed.');
  }
  return { models, defaultModel };
}

/** Goes into a header: what cannot be there would fail at each call, with the secret in the message. */
function checkSecret(kind: ProviderKind, secret: string): string {
  if (kind === 'local' && secret !== '') throw invalidSecret('The local model takes no secret.');
  if (!/^[\x21-\x7e]*$/.test(secret)) throw invalidSecret('A secret is made of visible ASCII characters.');
  return secret;
}

function invalidUrl(message: string, reason = 'PROVIDER_URL_INVALID'): AppError {
  return new AppError('invalid_argument', reason, message, { violations: [{ field: 'base_url', reason, message }] });
}

function invalidModels(field: string, message: string): AppError {
  const reason = 'PROVIDER_MODELS_INVALID';
  return new AppError('invalid_argument', reason, message, { violations: [{ field, reason, message }] });
}

function invalidSecret(message: string): AppError {
  const reason = 'PROVIDER_SECRET_INVALID';
  return new AppError('invalid_argument', reason, message, { violations: [{ field: 'secret', reason, message }] });
}
