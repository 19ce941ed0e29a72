import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { TokenService } from '@flotilla/contracts/identity';
import type { ServiceImplementation } from '@flotilla/grpc';
import { type ExchangeToken, exchangeToken } from '../commands/exchange-token.ts';

export function tokens(exchange: ExchangeToken): ServiceImplementation<typeof TokenService> {
  return {
    async exchangeToken(request) {
      const { token, expiresAt, claims } = await exchangeToken(exchange, request);
      const { tenantId, userId = '' } = claims;
      return { token, expireTime: timestampFromDate(expiresAt), tenantId, userId };
    },
    getSigningKeys: async () => ({ jwksJson: exchange.keyring.publicJwks() }),
  };
}
