import { ProviderCreatedSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import type { Tx } from '@flotilla/postgres';
import { type EncryptionKeyring, seal } from '@flotilla/secrets';
import { insertProvider } from '../db/provider-repository.ts';
import { upsertSecret } from '../db/provider-secret-repository.ts';
import type { Schema } from '../db/schema.ts';
import { createProvider as decide, type Provider, type ProviderRules, type ProviderWish } from '../domain/provider.ts';
import { secretPlace } from '../domain/secret-place.ts';
import { toProviderMessage } from '../messages/provider-message.ts';

/** What keeping providers needs from outside. */
export interface ProviderKeeping {
  readonly rules: ProviderRules;
  readonly keyring: EncryptionKeyring;
  readonly now: () => Date;
  readonly newId: () => string;
}

export async function createProvider(
  { rules, keyring, now, newId }: ProviderKeeping,
  tx: Tx<Schema>,
  wish: ProviderWish,
): Promise<Provider> {
  const decided = decide(wish, { ...rules, id: newId(), createdBy: tx.scope.actor.id, now: now() });
  const provider = await insertProvider(tx, decided);
  if (wish.secret !== '') {
    await upsertSecret(tx, provider.id, seal(keyring, secretPlace(tx.scope.tenantId, provider), wish.secret));
  }
  await appendEvent(tx, {
    schema: ProviderCreatedSchema,
    message: { provider: toProviderMessage(provider) },
    id: provider.id,
  });
  return provider;
}
