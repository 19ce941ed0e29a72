import type { OwnProviderService, ProviderService } from '@flotilla/contracts/agent';
import { AppError } from '@flotilla/errors';
import type { Call, ServiceImplementation } from '@flotilla/grpc';
import { type Database, pageSizeOf, pageToken, toPage } from '@flotilla/postgres';
import { createProvider, type ProviderKeeping } from '../commands/create-provider.ts';
import { deleteProvider } from '../commands/delete-provider.ts';
import { updateProvider } from '../commands/update-provider.ts';
import { findHealth } from '../db/provider-health-repository.ts';
import { findProvider, listProviders } from '../db/provider-repository.ts';
import type { Schema } from '../db/schema.ts';
import { providerNotFound } from '../domain/not-found.ts';
import { toProviderChange, toProviderMessage, toProviderWish } from '../messages/provider-message.ts';
import type { ProviderTest } from '../providers/test-provider.ts';

export function providers(
  db: Database<Schema>,
  keeping: ProviderKeeping,
  testProvider: ProviderTest,
): ServiceImplementation<typeof ProviderService> {
  const ofTenant = undefined;
  return {
    getProvider: (request, call) =>
      db.read(call, async (tx) => {
        const provider = await findProvider(tx, request.id);
        if (provider === undefined) throw providerNotFound();
        return toProviderMessage(provider, (await findHealth(tx, [provider.id])).get(provider.id));
      }),

    listProviders: (request, call) =>
      db.read(call, async (tx) => {
        const size = pageSizeOf(request.pageSize);
        const page = { cursor: pageToken.decode(request.pageToken), limit: size + 1 };
        const { rows, nextPageToken } = toPage(await listProviders(tx, { slug: request.slug }, page), size);
        const health = await findHealth(
          tx,
          rows.map(({ id }) => id),
        );
        return { providers: rows.map((row) => toProviderMessage(row, health.get(row.id))), nextPageToken };
      }),

    createProvider: (request, call) =>
      db.write(call, async (tx) =>
        toProviderMessage(await createProvider(keeping, tx, toProviderWish(request, ofTenant))),
      ),

    updateProvider: (request, call) =>
      db.write(call, async (tx) => {
        const { id, etag } = request;
        const wish = { id, etag, ownerId: ofTenant, change: toProviderChange(request) };
        return toProviderMessage(await updateProvider(keeping, tx, wish));
      }),

    deleteProvider: (request, call) =>
      db.write(call, async (tx) => {
        await deleteProvider(keeping, tx, { id: request.id, etag: request.etag, ownerId: ofTenant });
        return {};
      }),

    testProvider: (request, call) => testProvider(call, request.id),
  };
}

export function ownProviders(
  db: Database<Schema>,
  keeping: ProviderKeeping,
): ServiceImplementation<typeof OwnProviderService> {
  return {
    createOwnProvider: (request, call) =>
      db.write(call, async (tx) =>
        toProviderMessage(await createProvider(keeping, tx, toProviderWish(request, userOf(call)))),
      ),

    updateOwnProvider: (request, call) =>
      db.write(call, async (tx) => {
        const { id, etag } = request;
        const wish = { id, etag, ownerId: userOf(call), change: toProviderChange(request) };
        return toProviderMessage(await updateProvider(keeping, tx, wish));
      }),

    deleteOwnProvider: (request, call) =>
      db.write(call, async (tx) => {
        await deleteProvider(keeping, tx, { id: request.id, etag: request.etag, ownerId: userOf(call) });
        return {};
      }),
  };
}

function userOf({ principal }: Call): string {
  if (principal.userId !== undefined) return principal.userId;
  throw new AppError('permission_denied', 'USER_NEEDED', 'Only users have providers of their own.');
}
