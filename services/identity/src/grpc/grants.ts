import type { GrantService } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import type { PrincipalVerifier, ServiceImplementation } from '@flotilla/grpc';
import { createGrant } from '../commands/create-grant.ts';
import { revokeGrant } from '../db/grant-repository.ts';
import type { Surroundings } from '../surroundings.ts';

export function grants(
  { db, now, newId }: Surroundings,
  verify: PrincipalVerifier,
): ServiceImplementation<typeof GrantService> {
  return {
    async createGrant({ subjectToken, purpose }, { principal, traceparent }) {
      const subject = await verify(subjectToken);
      const scope = { tenantId: subject.tenantId, actor: principal.actor, traceparent };
      const service = principal.serviceName ?? '';
      const grantId = await db.inTenant(scope, (tx) => createGrant(tx, { id: newId(), subject, service, purpose }));
      return { grantId };
    },
    async revokeGrant({ tenantId, grantId }, { principal, traceparent }) {
      const scope = { tenantId, actor: principal.actor, traceparent };
      const revoked = await db.inTenant(scope, (tx) => revokeGrant(tx, grantId, principal.serviceName ?? '', now()));
      if (!revoked) throw new AppError('not_found', 'GRANT_NOT_FOUND', 'There is no such grant.');
      return {};
    },
  };
}
