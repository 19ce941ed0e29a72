import { ApiKeyCreatedSchema, TenantCreatedSchema } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { hashSecret } from '@flotilla/secrets';
import type { Bootstrap } from '../config.ts';
import { insertApiKey } from '../db/api-key-repository.ts';
import { findByApiKey } from '../db/credential-lookups.ts';
import type { Schema } from '../db/schema.ts';
import { findTenantBySlug, insertTenant } from '../db/tenant-repository.ts';
import { findUserByEmail } from '../db/user-repository.ts';
import type { ApiKey } from '../domain/api-key.ts';
import { newTenant } from '../domain/tenant.ts';
import { toApiKeyMessage } from '../messages/api-key-message.ts';
import { toTenantMessage } from '../messages/tenant-message.ts';
import type { Surroundings } from '../surroundings.ts';
import { keyPrefixOf } from './create-api-key.ts';
import { addUser } from './create-user.ts';
import { revokeKeys } from './revoke-api-key.ts';

const keyName = 'bootstrap';
const actor = { type: 'system', id: 'identity' };

/**
 * Makes sure of the operator's tenant, its administrator and their API key; answers the tenant's id. Repeating changes
 * nothing, and of two replicas that start at once one finds what the other made.
 */
export async function bootstrap(surroundings: Surroundings, wanted: Bootstrap): Promise<string> {
  const tenantId = await ensureTenant(surroundings, wanted);
  if (wanted.apiKey !== undefined) await ensureApiKey(surroundings, tenantId, wanted, wanted.apiKey);
  return tenantId;
}

async function ensureTenant(surroundings: Surroundings, wanted: Bootstrap): Promise<string> {
  const { db, hasher, now, newId } = surroundings;
  const find = () => db.withoutTenant((tx) => findTenantBySlug(tx, wanted.tenantSlug));
  const known = await find();
  if (known !== undefined) return operatorOnly(known);
  const passwordHash = await hasher.hash(wanted.adminPassword);
  const tenantId = newId();
  try {
    await db.inTenant({ tenantId, actor }, async (tx) => {
      const wish = {
        id: tenantId,
        name: 'Operator',
        slug: wanted.tenantSlug,
        plan: 'enterprise',
        operator: true,
      } as const;
      const tenant = newTenant(wish, now());
      await insertTenant(tx, tenant);
      await appendEvent(tx, {
        schema: TenantCreatedSchema,
        message: { tenant: toTenantMessage(tenant) },
        id: tenantId,
      });
      await addUser(tx, { id: newId(), email: wanted.adminEmail, role: 'admin', passwordHash }, now());
    });
    return tenantId;
  } catch (error) {
    const other = error instanceof AppError && error.code === 'already_exists' ? await find() : undefined;
    if (other === undefined) throw error;
    return operatorOnly(other);
  }
}

function operatorOnly({ id, operator }: { readonly id: string; readonly operator: boolean }): string {
  if (operator) return id;
  throw new AppError('failed_precondition', 'NOT_THE_OPERATOR', 'The bootstrap tenant is not the operator’s.');
}

async function ensureApiKey(
  { db, now, newId }: Surroundings,
  tenantId: string,
  { adminEmail }: Bootstrap,
  key: string,
): Promise<void> {
  const keyHash = hashSecret(key);
  if ((await db.withoutTenant((tx) => findByApiKey(tx, keyHash))) !== undefined) return;
  try {
    await db.inTenant({ tenantId, actor }, (tx) => addKey(tx, { id: newId(), adminEmail, key, keyHash, now: now() }));
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'already_exists')) throw error; // the other replica was faster
  }
}

async function addKey(
  tx: Tx<Schema>,
  wish: { id: string; adminEmail: string; key: string; keyHash: string; now: Date },
): Promise<void> {
  const admin = await findUserByEmail(tx, wish.adminEmail);
  if (admin === undefined) {
    throw new AppError('failed_precondition', 'BOOTSTRAP_ADMIN_MISSING', 'The bootstrap administrator does not exist.');
  }
  await revokeKeys(tx, { userId: admin.id, name: keyName }, wish.now);
  const apiKey: ApiKey = {
    id: wish.id,
    userId: admin.id,
    name: keyName,
    keyPrefix: keyPrefixOf(wish.key),
    scopes: [],
    expiresAt: undefined,
    lastUsedAt: undefined,
    revokedAt: undefined,
    createdAt: wish.now,
    revision: 1,
  };
  await insertApiKey(tx, apiKey, wish.keyHash);
  const message = { apiKey: toApiKeyMessage(apiKey, wish.now) };
  await appendEvent(tx, { schema: ApiKeyCreatedSchema, message, id: apiKey.id });
}
