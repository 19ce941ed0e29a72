import type { Config } from '../config.ts';
import type { ModelProvider } from './model-provider.ts';
import { createOpenAICompatibleProvider } from './openai-compatible.ts';

/** The configured providers by the names that agents use. */
export function createProviders(
  { localModelUrl, openaiCompatible }: Config['providers'],
  maxAnswerBytes: number,
): ReadonlyMap<string, ModelProvider> {
  const providers: ModelProvider[] = [];
  if (localModelUrl !== undefined) {
    const url = `${localModelUrl.replace(/\/+$/, '')}/v1`;
    providers.push(createOpenAICompatibleProvider({ name: 'local', url, key: undefined, maxAnswerBytes }));
  }
  if (openaiCompatible.url !== undefined) {
    const { url, key } = openaiCompatible;
    providers.push(createOpenAICompatibleProvider({ name: 'openai-compatible', url, key, maxAnswerBytes }));
  }
  return new Map(providers.map((provider) => [provider.name, provider]));
}
