import type { GrantService } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import type { Call, PrincipalVerifier, ServiceImplementation } from '@flotilla/grpc';
import { createGrants } from '../commands/create-grants.ts';
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

  async function create(subjectToken: string, purposes: readonly string[], call: Call): Promise<string[]> {
    const { principal, traceparent } = call;
    const subject = await verify(subjectToken);
    const scope = { tenantId: subject.tenantId, actor: principal.actor, traceparent };
    const wish = { newId, subject, service: principal.serviceName ?? '', purposes };
    return db.inTenant(scope, (tx) => createGrants(tx, wish));
  }

  return {
    async createGrant({ subjectToken, purpose }, call) {
      const [grantId = ''] = await create(subjectToken, [purpose], call);
      return { grantId };
    },
    batchCreateGrants: async ({ subjectToken, purposes }, call) => ({
      grantIds: await create(subjectToken, purposes, call),
    }),
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
