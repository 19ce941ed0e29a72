import { createHash } from 'node:crypto';
import { type Cache, createCache, type Redis } from '@flotilla/redis';
import canonicalize from 'canonicalize';
import { readOutput } from '../domain/output-schema.ts';
import type { ModelCall, ModelProvider } from './model-provider.ts';

/** Answers that were given before to the very same question. */
export interface ResponseCache {
  /** The provider with the cache before it. Kept per tenant, and by which provider exactly answered (`identity`). */
  before(provider: ModelProvider, keep: { tenantId: string; identity: string; ttlMs: number }): ModelProvider;
}

interface KeptAnswer {
  readonly text: string;
}

/** Larger answers are not worth the memory. */
const maxCharacters = 256 * 1024;
const noTokens = { promptTokens: 0, cachedPromptTokens: 0, completionTokens: 0 };

/**
 * Keeps whole answers that fit their schema; never failures, cut-off answers, or calls of tools. Without
 * Redis every question is asked.
 */
export function createResponseCache(redis: Redis): ResponseCache {
  const cache: Cache<KeptAnswer> = createCache(redis, { name: 'model-answers', ttlMs: 60_000 });
  return {
    before: (provider, { tenantId, identity, ttlMs }) => ({
      ...provider,
      async *ask(call, signal) {
        const key = keyOf(tenantId, identity, call);
        const kept = await cache.get(key).catch(() => undefined);
        if (typeof kept?.text === 'string') {
          yield { type: 'text', text: kept.text };
          yield { type: 'end', cutOff: false, cached: true, ...noTokens };
          return;
        }
        let text = '';
        let callsTools = false;
        for await (const part of provider.ask(call, signal)) {
          if (part.type === 'text' && text.length <= maxCharacters) text += part.text;
          if (part.type === 'toolCall') callsTools = true;
          const whole = part.type === 'end' && !part.cutOff && !callsTools;
          if (whole && isWorthKeeping(call, text)) await cache.set(key, { text }, ttlMs);
          yield part;
        }
      },
    }),
  };
}

/** In hexadecimal. The question is not in Redis, and neither is a key that could be guessed from another tenant. */
function keyOf(tenantId: string, identity: string, call: ModelCall): string {
  return createHash('sha256')
    .update(canonicalize({ tenantId, identity, call }) ?? '')
    .digest('hex');
}

function isWorthKeeping({ outputSchema }: ModelCall, text: string): boolean {
  if (text === '' || text.length > maxCharacters) return false;
  return outputSchema === undefined || readOutput(outputSchema, text).fits;
}
