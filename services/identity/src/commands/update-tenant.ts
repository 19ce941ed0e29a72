import { TenantUpdatedSchema } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { lockTenant, saveTenant } from '../db/tenant-repository.ts';
import type { Tenant, TenantChange } from '../domain/tenant.ts';
import { toTenantMessage } from '../messages/tenant-message.ts';

export async function updateTenant(tx: Tx<Schema>, id: string, change: TenantChange, etag: string): Promise<Tenant> {
  const tenant = await lockTenant(tx, id);
  if (tenant === undefined) throw new AppError('not_found', 'TENANT_NOT_FOUND', 'There is no such tenant.');
  checkRevision(tenant, etag);
  const saved = await saveTenant(tx, { ...tenant, ...change, revision: tenant.revision + 1 });
  await appendEvent(tx, { schema: TenantUpdatedSchema, message: { tenant: toTenantMessage(saved) }, id });
  return saved;
}
