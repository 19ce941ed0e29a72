import type { Tx } from '@flotilla/postgres';
import { type EncryptionKeyring, rewrap } from '@flotilla/secrets';
import { lockSecret, upsertSecret } from '../db/provider-secret-repository.ts';
import type { Schema } from '../db/schema.ts';
import { secretPlace } from '../domain/secret-place.ts';

/** Puts a secret under the keyring's first key; false when it is already, or is gone. The row is locked: no update is lost. */
export async function rewrapSecret(keyring: EncryptionKeyring, tx: Tx<Schema>, providerId: string): Promise<boolean> {
  const found = await lockSecret(tx, providerId);
  if (found === undefined) return false;
  const place = secretPlace(tx.scope.tenantId, { id: providerId, baseUrl: found.baseUrl });
  const sealed = rewrap(keyring, place, found.sealed);
  if (sealed === undefined) return false;
  await upsertSecret(tx, providerId, sealed);
  return true;
}
