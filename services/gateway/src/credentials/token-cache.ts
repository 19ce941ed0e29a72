import { AppError } from '@flotilla/errors';
import { hashSecret } from '@flotilla/secrets';
import type { Credential } from './credential.ts';

/** A principal's token, as identity has signed it. */
export interface PrincipalToken {
  readonly token: string;
  readonly expiresAt: Date;
  readonly tenantId: string;
}

/** Asks identity who a credential stands for. Throws `unauthenticated` where it stands for nobody. */
export type ExchangeToken = (credential: Credential) => Promise<PrincipalToken>;

/** How long answers are believed. */
export interface TokenCacheOptions {
  readonly exchange: ExchangeToken;
  /** For a principal: an upper bound on how late a revocation is seen. */
  readonly ttlMs: number;
  /** For a refusal, so that a wrong credential in a loop does not reach identity each time. */
  readonly refusalTtlMs: number;
  readonly maxEntries: number;
  readonly now: () => number;
  readonly count?: ((outcome: 'hit' | 'miss' | 'refused') => void) | undefined;
}

/** Exchanges credentials, each at most once at a time and once per lifetime of an answer. */
export interface TokenCache {
  tokenFor(credential: Credential): Promise<PrincipalToken>;
  /** Whether the next `tokenFor` is answered without asking identity. */
  knows(credential: Credential): boolean;
}

interface Entry {
  readonly answer: Promise<PrincipalToken>;
  /** Infinite while the answer is under way. */
  freshUntil: number;
}

/** Credentials are kept as hashes only. */
export function createTokenCache(options: TokenCacheOptions): TokenCache {
  const { exchange, ttlMs, refusalTtlMs, maxEntries, now, count } = options;
  const entries = new Map<string, Entry>();

  const start = (key: string, credential: Credential): Entry => {
    const entry: Entry = { answer: exchange(credential), freshUntil: Number.POSITIVE_INFINITY };
    entries.set(key, entry);
    entry.answer.then(
      (token) => {
        // Never until the token's very end: it must still be worth something when it reaches a service.
        entry.freshUntil = Math.min(now() + ttlMs, token.expiresAt.getTime() - ttlMs);
      },
      (error: unknown) => {
        if (error instanceof AppError && error.code === 'unauthenticated') entry.freshUntil = now() + refusalTtlMs;
        else entries.delete(key);
      },
    );
    // Insertion order is age: the oldest answer goes first.
    for (const oldest of entries.keys()) {
      if (entries.size <= maxEntries) break;
      entries.delete(oldest);
    }
    return entry;
  };
  const fresh = (key: string): Entry | undefined => {
    const entry = entries.get(key);
    if (entry !== undefined && entry.freshUntil > now()) return entry;
    entries.delete(key);
    return undefined;
  };

  return {
    knows: (credential) => fresh(keyOf(credential)) !== undefined,
    tokenFor: async (credential) => {
      const key = keyOf(credential);
      const known = fresh(key);
      count?.(known === undefined ? 'miss' : 'hit');
      try {
        return await (known ?? start(key, credential)).answer;
      } catch (error) {
        count?.('refused');
        throw error;
      }
    },
  };
}

function keyOf(credential: Credential): string {
  return hashSecret(`${credential.case}\n${credential.value}`);
}
