import { ApiKeyRevokedSchema } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { findApiKey, type KeyChoice, revokeApiKeys } from '../db/api-key-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { ApiKey } from '../domain/api-key.ts';
import { toApiKeyMessage } from '../messages/api-key-message.ts';

/** Revokes a key; one that is revoked already stays as it is. */
export async function revokeApiKey(tx: Tx<Schema>, id: string, now: Date): Promise<ApiKey> {
  await revokeKeys(tx, { id }, now);
  const key = await findApiKey(tx, id);
  if (key === undefined) throw new AppError('not_found', 'API_KEY_NOT_FOUND', 'There is no such API key.');
  return key;
}

/** Revokes one key, or all of a user (of one name), and tells of each that was still good. */
export async function revokeKeys(tx: Tx<Schema>, which: KeyChoice, now: Date): Promise<void> {
  for (const key of await revokeApiKeys(tx, which, now)) {
    await appendEvent(tx, { schema: ApiKeyRevokedSchema, message: { apiKey: toApiKeyMessage(key, now) }, id: key.id });
  }
}
