import type { TenantService } from '@flotilla/contracts/identity';
import type { ServiceImplementation } from '@flotilla/grpc';
import { createTenant } from '../commands/create-tenant.ts';
import { updateTenant } from '../commands/update-tenant.ts';
import { toPlan, toTenantMessage } from '../messages/tenant-message.ts';
import { getTenant } from '../queries/get-tenant.ts';
import type { Surroundings } from '../surroundings.ts';

export function tenants(surroundings: Surroundings): ServiceImplementation<typeof TenantService> {
  const { db } = surroundings;
  return {
    createTenant: (request, call) => createTenant(surroundings, call, { ...request, plan: toPlan(request.plan) }),
    getTenant: ({ id }, call) => db.read(call, async (tx) => toTenantMessage(await getTenant(tx, id))),
    updateTenant: ({ id, etag, name, contactEmail, contactName, settings }, call) =>
      db.write(call, async (tx) => {
        const change = {
          ...(name !== undefined && { name }),
          ...(contactEmail !== undefined && { contactEmail }),
          ...(contactName !== undefined && { contactName }),
          ...(settings !== undefined && { settings }),
        };
        return toTenantMessage(await updateTenant(tx, id, change, etag));
      }),
  };
}
