import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { ApiKeyService } from '@flotilla/contracts/identity';
import type { ServiceImplementation } from '@flotilla/grpc';
import { pageSizeOf, pageToken, toPage } from '@flotilla/postgres';
import { createApiKey } from '../commands/create-api-key.ts';
import { revokeApiKey } from '../commands/revoke-api-key.ts';
import { listApiKeys } from '../db/api-key-repository.ts';
import { toApiKeyMessage, toApiKeyState } from '../messages/api-key-message.ts';
import { getApiKey } from '../queries/get-api-key.ts';
import type { Surroundings } from '../surroundings.ts';

export function apiKeys(surroundings: Surroundings): ServiceImplementation<typeof ApiKeyService> {
  const { db, now } = surroundings;
  return {
    createApiKey: ({ name, scopes, expireTime }, call) =>
      db.write(call, async (tx) => {
        const wish = { name, scopes, expiresAt: expireTime && timestampDate(expireTime) };
        const { apiKey, key } = await createApiKey(surroundings, tx, call.principal, wish);
        return { apiKey: toApiKeyMessage(apiKey, now()), key };
      }),
    getApiKey: ({ id }, call) => db.read(call, async (tx) => toApiKeyMessage(await getApiKey(tx, id), now())),
    listApiKeys: (request, call) =>
      db.read(call, async (tx) => {
        const size = pageSizeOf(request.pageSize);
        const wanted = {
          status: toApiKeyState(request.status),
          cursor: pageToken.decode(request.pageToken),
          now: now(),
        };
        const { rows, nextPageToken } = toPage(await listApiKeys(tx, { ...wanted, limit: size + 1 }), size);
        return { apiKeys: rows.map((key) => toApiKeyMessage(key, now())), nextPageToken };
      }),
    revokeApiKey: ({ id }, call) =>
      db.write(call, async (tx) => toApiKeyMessage(await revokeApiKey(tx, id, now()), now())),
  };
}
