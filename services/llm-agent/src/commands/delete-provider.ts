import { ProviderDeletedSchema } from '@flotilla/contracts/agent';
import { appendEvent } from '@flotilla/events';
import { checkRevision, type Tx } from '@flotilla/postgres';
import { lockProvider, markProviderDeleted } from '../db/provider-repository.ts';
import { deleteSecret } from '../db/provider-secret-repository.ts';
import type { Schema } from '../db/schema.ts';
import { providerNotFound } from '../domain/not-found.ts';
import { toProviderMessage } from '../messages/provider-message.ts';

/** The row stays for the ledger's sake, its slug is free again, and its secret is gone. */
export async function deleteProvider(
  { now }: { readonly now: () => Date },
  tx: Tx<Schema>,
  { id, ownerId, etag }: { id: string; ownerId: string | undefined; etag: string },
): Promise<void> {
  const provider = await lockProvider(tx, id, ownerId);
  if (provider === undefined) throw providerNotFound();
  checkRevision(provider, etag);
  await deleteSecret(tx, id);
  await markProviderDeleted(tx, provider, now());
  await appendEvent(tx, {
    schema: ProviderDeletedSchema,
    message: { provider: toProviderMessage({ ...provider, secretUpdatedAt: undefined }) },
    id,
  });
}
