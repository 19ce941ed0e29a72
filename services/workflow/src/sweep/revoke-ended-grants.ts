import type { GrantService } from '@flotilla/contracts/identity';
import type { GrpcClient } from '@flotilla/grpc';
import type { Database } from '@flotilla/postgres';
import { driverScope } from '../commands/perform.ts';
import { findEndedGrants, forgetEndedGrants } from '../db/grant-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Duty } from './sweep.ts';

const BATCH = 500;

/** Has identity take back what no run needs any more, so that nobody can act by it later. */
export function revokeEndedGrants(needs: {
  readonly db: Database<Schema>;
  readonly grants: Pick<GrpcClient<typeof GrantService>, 'batchRevokeGrants'>;
}): Duty {
  const { db, grants } = needs;

  return {
    name: 'ended grants',
    async look() {
      for (let found = BATCH; found === BATCH; ) {
        const ended = await db.withoutTenant((tx) => findEndedGrants(tx, BATCH));
        found = ended.length;
        for (const [tenantId, ofTenant = []] of Map.groupBy(ended, (grant) => grant.tenantId)) {
          const grantIds = ofTenant.map(({ grantId }) => grantId);
          await grants.batchRevokeGrants({ tenantId, grantIds });
          await db.inTenant(driverScope(tenantId), (tx) => forgetEndedGrants(tx, grantIds));
        }
      }
    },
  };
}
