import { AppError, retryable } from '@flotilla/errors';
import type { Call } from '@flotilla/grpc';
import { type Database, scopeOf } from '@flotilla/postgres';
import type { ServiceTokens } from '@flotilla/service';
import { insertEndedGrant } from '../db/grant-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { GrantFor } from '../work/gathered-grants.ts';

/** What storing a permission to act for a caller needs. */
export interface Granting {
  readonly db: Database<Schema>;
  readonly grantFor: GrantFor;
  /** Where the permission is used at once: the caller's own token serves for it. */
  readonly learnGrant?: ServiceTokens['learnGrant'];
}

/** Stores a permission to act for the caller and makes what acts by it. `uses` tells whether what was made came to use it. */
export async function withGrant<T>(
  { db, grantFor, learnGrant }: Granting,
  call: Call,
  purpose: string,
  make: (grantId: string) => Promise<T>,
  uses: (made: T) => boolean = () => true,
): Promise<T> {
  const grantId = await grantFor({ tenantId: call.principal.tenantId, token: call.token }, purpose);
  learnGrant?.(grantId, call.token, call.principal.expiresAt);
  const unused = () => db.inTenant(scopeOf(call), (tx) => insertEndedGrant(tx, grantId));
  const made = await make(grantId).catch(async (error: unknown) => {
    // After any other error it may have been made all the same.
    if (error instanceof AppError && !retryable(error.code)) await unused();
    throw error;
  });
  if (!uses(made)) await unused();
  return made;
}
