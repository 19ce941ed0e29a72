import { ApiKeyCreatedSchema } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import type { Principal } from '@flotilla/grpc';
import type { Tx } from '@flotilla/postgres';
import { hashSecret, newSecret } from '@flotilla/secrets';
import { insertApiKey } from '../db/api-key-repository.ts';
import type { Schema } from '../db/schema.ts';
import { findUser } from '../db/user-repository.ts';
import type { ApiKey } from '../domain/api-key.ts';
import { permissionsOf, scopesOf } from '../domain/role.ts';
import { toApiKeyMessage } from '../messages/api-key-message.ts';
import type { Surroundings } from '../surroundings.ts';

/** The part of a key that is shown to recognise it by: 8 random letters of 40. */
export function keyPrefixOf(key: string): string {
  return key.slice(0, 12);
}

/** Creates a key that acts for the caller. The key itself is in the answer and nowhere else. */
export async function createApiKey(
  { now, newId, permissions }: Surroundings,
  tx: Tx<Schema>,
  by: Principal,
  wish: { readonly name: string; readonly scopes: readonly string[]; readonly expiresAt: Date | undefined },
): Promise<{ readonly apiKey: ApiKey; readonly key: string }> {
  const user = by.userId === undefined ? undefined : await findUser(tx, by.userId);
  if (user === undefined) throw new AppError('permission_denied', 'USERS_ONLY', 'Only users have API keys.');
  const key = newSecret('flk_');
  const apiKey: ApiKey = {
    id: newId(),
    userId: user.id,
    name: wish.name,
    keyPrefix: keyPrefixOf(key),
    scopes: scopesOf(wish.scopes, by.permissions, permissionsOf(user.role, permissions, by.operator)),
    expiresAt: wish.expiresAt,
    lastUsedAt: undefined,
    revokedAt: undefined,
    createdAt: now(),
    revision: 1,
  };
  await insertApiKey(tx, apiKey, hashSecret(key));
  const message = { apiKey: toApiKeyMessage(apiKey, now()) };
  await appendEvent(tx, { schema: ApiKeyCreatedSchema, message, id: apiKey.id });
  return { apiKey, key };
}
