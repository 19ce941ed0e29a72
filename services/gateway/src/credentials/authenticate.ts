import { AppError } from '@flotilla/errors';
import { type CredentialHeaders, credentialOf } from './credential.ts';
import type { FailureLimit } from './failure-limit.ts';
import type { PrincipalToken, TokenCache } from './token-cache.ts';

/** Answers the principal's token of a request, or throws `unauthenticated`. */
export type Authenticate = (headers: CredentialHeaders, address: string) => Promise<PrincipalToken>;

/** Authentication over a cache of exchanged tokens; addresses that keep failing have to wait. */
export function createAuthenticate(tokens: TokenCache, failures: FailureLimit): Authenticate {
  return async (headers, address) => {
    const credential = credentialOf(headers);
    // A caller who is known good is not slowed down by a neighbour behind the same address.
    if (!tokens.knows(credential)) await refuseWhileBlocked(failures, address);
    try {
      return await tokens.tokenFor(credential);
    } catch (error) {
      if (error instanceof AppError && error.code === 'unauthenticated') await failures.record(address);
      throw error;
    }
  };
}

/** Throws `resource_exhausted` while an address has failed too often. */
export async function refuseWhileBlocked(failures: FailureLimit, address: string): Promise<void> {
  const retryAfterMs = await failures.blockedForMs(address);
  if (retryAfterMs > 0) {
    throw new AppError(
      'resource_exhausted',
      'TOO_MANY_FAILED_CREDENTIALS',
      'Too many failed attempts; wait a little.',
      {
        retryAfterMs,
      },
    );
  }
}
