import type { GrantService } from '@flotilla/contracts/identity';
import { AppError, retryable } from '@flotilla/errors';
import type { Call, GrpcClient } from '@flotilla/grpc';
import { type Database, scopeOf } from '@flotilla/postgres';
import type { ServiceTokens } from '@flotilla/service';
import { insertEndedGrant } from '../db/grant-repository.ts';
import type { Schema } from '../db/schema.ts';

/** What storing a permission to act for a caller needs. */
export interface Granting {
  readonly db: Database<Schema>;
  readonly grants: Pick<GrpcClient<typeof GrantService>, 'createGrant'>;
  readonly ownToken: (tenantId: string) => Promise<string>;
  /** Where the permission is used at once: the caller's own token serves for it. */
  readonly learnGrant?: ServiceTokens['learnGrant'];
}

/** Stores a permission to act for the caller and makes what acts by it. `uses` tells whether what was made came to use it. */
export async function withGrant<T>(
  { db, grants, ownToken, learnGrant }: Granting,
  call: Call,
  purpose: string,
  make: (grantId: string) => Promise<T>,
  uses: (made: T) => boolean = () => true,
): Promise<T> {
  const token = await ownToken(call.principal.tenantId);
  const { grantId } = await grants.createGrant({ subjectToken: call.token, purpose }, { token });
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
