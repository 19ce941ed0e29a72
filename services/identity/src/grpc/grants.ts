import type { GrantService } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import type { Call, PrincipalVerifier, ServiceImplementation } from '@flotilla/grpc';
import { createGrant } from '../commands/create-grant.ts';
import { revokeGrants } from '../db/grant-repository.ts';
import type { Surroundings } from '../surroundings.ts';

export function grants(
  { db, now, newId }: Surroundings,
  verify: PrincipalVerifier,
): ServiceImplementation<typeof GrantService> {
  const revoke = ({ principal, traceparent }: Call, tenantId: string, grantIds: readonly string[]): Promise<number> =>
    db.inTenant({ tenantId, actor: principal.actor, traceparent }, (tx) =>
      revokeGrants(tx, grantIds, principal.serviceName ?? '', now()),
    );

  return {
    async createGrant({ subjectToken, purpose }, { principal, traceparent }) {
      const subject = await verify(subjectToken);
      const scope = { tenantId: subject.tenantId, actor: principal.actor, traceparent };
      const service = principal.serviceName ?? '';
      const grantId = await db.inTenant(scope, (tx) => createGrant(tx, { id: newId(), subject, service, purpose }));
      return { grantId };
    },
    async revokeGrant({ tenantId, grantId }, call) {
      const revoked = await revoke(call, tenantId, [grantId]);
      if (revoked === 0) throw new AppError('not_found', 'GRANT_NOT_FOUND', 'There is no such grant.');
      return {};
    },
    async batchRevokeGrants({ tenantId, grantIds }, call) {
      await revoke(call, tenantId, grantIds);
      return {};
    },
  };
}
