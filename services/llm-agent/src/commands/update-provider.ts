import { ProviderUpdatedSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import { seal } from '@flotilla/secrets';
import * as repository from '../db/provider-repository.ts';
import { deleteSecret, upsertSecret } from '../db/provider-secret-repository.ts';
import type { Schema } from '../db/schema.ts';
import { providerNotFound } from '../domain/not-found.ts';
import { changeProvider, type Provider, type ProviderChange } from '../domain/provider.ts';
import { secretPlace } from '../domain/secret-place.ts';
import { toProviderMessage } from '../messages/provider-message.ts';
import type { ProviderKeeping } from './create-provider.ts';

/** `ownerId` undefined means the tenant's. */
export async function updateProvider(
  { rules, keyring, now }: ProviderKeeping,
  tx: Tx<Schema>,
  wish: { id: string; ownerId: string | undefined; etag: string; change: ProviderChange },
): Promise<Provider> {
  const before = await repository.lockProvider(tx, wish.id, wish.ownerId);
  if (before === undefined) throw providerNotFound();
  checkRevision(before, wish.etag);
  const provider = await repository.updateProvider(tx, changeProvider(before, wish.change, { ...rules, now: now() }));
  const { secret } = wish.change;
  if (secret === '') await deleteSecret(tx, provider.id);
  else if (secret !== undefined) {
    await upsertSecret(tx, provider.id, seal(keyring, secretPlace(tx.scope.tenantId, provider), secret));
  }
  await appendEvent(tx, {
    schema: ProviderUpdatedSchema,
    message: { provider: toProviderMessage(provider) },
    id: provider.id,
  });
  return provider;
}
