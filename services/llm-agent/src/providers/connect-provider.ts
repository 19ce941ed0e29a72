import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import type { Dispatcher } from 'undici';
import type { ProviderKind } from '../domain/provider.ts';
import { boundedFetch, type FetchBounds } from './bounded-fetch.ts';
import { createChatStream } from './chat-stream.ts';
import { type ModelProvider, ProviderFailure } from './model-provider.ts';
import { createSdkProvider } from './sdk-provider.ts';

/** What a provider is connected with. */
export interface ProviderConnection extends FetchBounds {
  /** What agents call it. */
  readonly name: string;
  readonly kind: ProviderKind;
  /** Up to and with the version, for example `http://localhost:11434/v1`. */
  readonly url: string;
  readonly key: string | undefined;
  /** Of a whole call, in milliseconds. */
  readonly timeoutMs: number;
  readonly fetch?: typeof fetch;
  /** The connections to an address, which it checks; like `fetch` for addresses that tenants name. */
  readonly dispatcherFor?: (url: URL) => Dispatcher;
}

// Strict mode knows a small part of JSON Schema only; answers are held against the whole schema here.
const lenient = { strictJsonSchema: false };

/** The adapter that speaks this provider's protocol. Connects to nothing until it is asked. */
export function connectProvider(connection: ProviderConnection): ModelProvider {
  const { name, kind, url, key, maxAnswerBytes, timeoutMs } = connection;
  const send = boundedFetch(connection, connection.fetch);
  const settings = { name, key, maxAnswerBytes, timeoutMs };
  switch (kind) {
    case 'openai': {
      const api = createOpenAI({ baseURL: url, apiKey: needed(key), fetch: send });
      return createSdkProvider({ ...settings, model: (model) => api.chat(model), options: { openai: lenient } });
    }
    case 'anthropic': {
      const api = createAnthropic({ baseURL: url, apiKey: needed(key), fetch: send });
      return createSdkProvider({ ...settings, model: (model) => api.languageModel(model), options: {} });
    }
    case 'ollama':
    case 'openai_compatible':
    case 'local': {
      const model = createChatStream({ ...connection, dispatcherFor: connection.dispatcherFor });
      return createSdkProvider({ ...settings, model, options: { openaiCompatible: lenient } });
    }
  }
}

/** Without a key the SDK would look for one in the process's environment: the operator's, for a tenant's address. */
function needed(key: string | undefined): string {
  if (key !== undefined) return key;
  throw new ProviderFailure('PROVIDER_CREDENTIALS_REFUSED', 'The provider has no secret.', { retryable: false });
}
