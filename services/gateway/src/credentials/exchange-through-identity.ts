import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { TokenService } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import type { GrpcClient } from '@flotilla/grpc';
import { unknownCredential } from './credential.ts';
import type { ExchangeToken } from './token-cache.ts';

/** The exchange at identity. Every refusal looks the same from outside, except that an account is not usable. */
export function exchangeThroughIdentity(
  identity: Pick<GrpcClient<typeof TokenService>, 'exchangeToken'>,
  deadlineMs: number,
): ExchangeToken {
  return async (credential) => {
    try {
      const { token, expireTime, tenantId } = await identity.exchangeToken({ credential }, { deadlineMs });
      return { token, tenantId, expiresAt: expireTime === undefined ? new Date(0) : timestampDate(expireTime) };
    } catch (error) {
      // A credential that breaks the contract's rules is simply one that nobody has.
      if (error instanceof AppError && error.code === 'invalid_argument') throw unknownCredential();
      throw error;
    }
  };
}
