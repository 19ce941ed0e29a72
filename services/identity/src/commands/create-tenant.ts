import { createHash } from 'node:crypto';
import { TenantCreatedSchema } from '@flotilla/contracts/identity';
import { appendEvent } from '@flotilla/events';
import type { Call } from '@flotilla/grpc';
import { insertTenant } from '../db/tenant-repository.ts';
import { newTenant, type Tenant, type TenantPlan } from '../domain/tenant.ts';
import { toTenantMessage } from '../messages/tenant-message.ts';
import type { Surroundings } from '../surroundings.ts';
import { addUser } from './create-user.ts';

/** Creates a tenant and its first administrator, in one transaction that belongs to the new tenant. */
export async function createTenant(
  { db, hasher, now, newId }: Surroundings,
  call: Call,
  wish: { name: string; slug: string; plan: TenantPlan; adminEmail: string; adminPassword: string },
): Promise<{ tenant: ReturnType<typeof toTenantMessage>; adminUserId: string }> {
  const passwordHash = await hasher.hash(wish.adminPassword);
  const tenantId = call.idempotency === undefined ? newId() : idFor(call.principal.tenantId, call.idempotency.key);
  const inNewTenant = { ...call, principal: { ...call.principal, tenantId } };
  return db.write(inNewTenant, async (tx) => {
    const { name, slug, plan } = wish;
    const tenant: Tenant = newTenant({ id: tenantId, name, slug, plan, operator: false }, now());
    await insertTenant(tx, tenant);
    await appendEvent(tx, { schema: TenantCreatedSchema, message: { tenant: toTenantMessage(tenant) }, id: tenant.id });
    const admin = await addUser(tx, { id: newId(), email: wish.adminEmail, role: 'admin', passwordHash }, now());
    return { tenant: toTenantMessage(tenant), adminUserId: admin.id };
  });
}

/** The same id for the same key: the idempotency row lies in the tenant that the first call made. */
function idFor(callerTenantId: string, key: string): string {
  const bytes = createHash('sha256').update(`tenant ${callerTenantId} ${key}`).digest();
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80; // version 8: made by a rule of our own
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
