import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type ApiKeySchema, ApiKeyStatus } from '@flotilla/contracts/identity';
import { type ApiKey, type ApiKeyState, stateOf } from '../domain/api-key.ts';

const statuses = { active: ApiKeyStatus.ACTIVE, revoked: ApiKeyStatus.REVOKED, expired: ApiKeyStatus.EXPIRED };

export function toApiKeyMessage(key: ApiKey, now: Date): MessageInitShape<typeof ApiKeySchema> {
  return {
    id: key.id,
    name: key.name,
    userId: key.userId,
    keyPrefix: key.keyPrefix,
    scopes: [...key.scopes],
    status: statuses[stateOf(key, now)],
    ...(key.expiresAt && { expireTime: timestampFromDate(key.expiresAt) }),
    ...(key.lastUsedAt && { lastUsedTime: timestampFromDate(key.lastUsedAt) }),
    createTime: timestampFromDate(key.createdAt),
    etag: String(key.revision),
  };
}

/** Unspecified means any. */
export function toApiKeyState(status: ApiKeyStatus): ApiKeyState | undefined {
  switch (status) {
    case ApiKeyStatus.ACTIVE:
      return 'active';
    case ApiKeyStatus.REVOKED:
      return 'revoked';
    case ApiKeyStatus.EXPIRED:
      return 'expired';
    default:
      return undefined;
  }
}
