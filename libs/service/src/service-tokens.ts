import { timestampDate } from '@bufbuild/protobuf/wkt';
import { type ExchangeTokenResponse, TokenService } from '@flotilla/contracts/identity';
import { createGrpcClient, type GrpcClient, withoutDeadline } from '@flotilla/grpc';
import type { Metrics } from '@flotilla/observability';

/** What {@link createServiceTokens} needs. */
export interface ServiceTokensOptions {
  readonly identityAddress: string;
  /** The name that identity knows this service by, for example `workflow`. */
  readonly service: string;
  readonly secret: string;
  readonly metrics?: Metrics;
}

/** Principals of this service and of those for whom it may act, fetched when needed and kept until shortly before they end. */
export interface ServiceTokens {
  /** This service's own principal; on a tenant's data when one is named. */
  own(tenantId?: string): Promise<string>;
  /** The principal of whoever gave the grant, as they are now. */
  forGrant(grantId: string): Promise<string>;
  /** A token that was just used to give the grant says who they are as well: no exchange for a short while. */
  learnGrant(grantId: string, token: string, expiresAt: Date): void;
  /** The keys to check principals with, as a JSON Web Key Set. */
  signingKeys(): Promise<string>;
  close(): void;
}

interface Kept {
  readonly usableUntil: number;
  readonly token: Promise<string>;
}

const marginMs = 10_000;
const kept = 10_000;
/** Not longer than an exchanged one is kept: a revoked grant has to be noticed. */
const learntMs = 30_000;

/** Creates the token source of a service. */
export function createServiceTokens(options: ServiceTokensOptions): ServiceTokens {
  const { identityAddress, service: name, secret, metrics } = options;
  const client: GrpcClient<typeof TokenService> = createGrpcClient(TokenService, {
    address: identityAddress,
    deadlineMs: 5_000,
    metrics,
  });
  const tokens = new Map<string, Kept>();

  function keep(key: string, exchange: () => Promise<ExchangeTokenResponse>): Promise<string> {
    const known = tokens.get(key);
    if (known !== undefined && Date.now() < known.usableUntil) return known.token;
    tokens.delete(key);
    // Others wait for the same answer, who may have more time.
    const reply = withoutDeadline(exchange);
    const token = reply.then(
      (exchanged) => {
        const endsAt = exchanged.expireTime === undefined ? 0 : timestampDate(exchanged.expireTime).getTime();
        tokens.set(key, { usableUntil: endsAt - marginMs, token });
        return exchanged.token;
      },
      (error: unknown) => {
        tokens.delete(key);
        throw error;
      },
    );
    tokens.set(key, { usableUntil: Number.POSITIVE_INFINITY, token }); // whoever asks meanwhile waits for the same answer
    if (tokens.size > kept) tokens.delete(tokens.keys().next().value ?? '');
    return token;
  }

  return {
    own: (tenantId = '') =>
      keep(`own ${tenantId}`, () =>
        client.exchangeToken({ credential: { case: 'service', value: { name, secret, tenantId } } }),
      ),
    forGrant: (grantId) =>
      keep(`grant ${grantId}`, () =>
        client.exchangeToken({ credential: { case: 'grant', value: { grantId, service: { name, secret } } } }),
      ),
    learnGrant(grantId, token, expiresAt) {
      const usableUntil = Math.min(Date.now() + learntMs, expiresAt.getTime() - marginMs);
      tokens.set(`grant ${grantId}`, { usableUntil, token: Promise.resolve(token) });
      if (tokens.size > kept) tokens.delete(tokens.keys().next().value ?? '');
    },
    signingKeys: async () => (await client.getSigningKeys({})).jwksJson,
    close: () => client.close(),
  };
}
