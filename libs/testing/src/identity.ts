import { randomUUID } from 'node:crypto';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { permissions as everyPermission } from '@flotilla/contracts';
import { type Action, ActionService, GrantService, TokenService } from '@flotilla/contracts/identity';
import { AppError } from '@flotilla/errors';
import { createGrpcServer, implement } from '@flotilla/grpc';
import { createLogger, createMetrics } from '@flotilla/observability';
import { newId } from '@flotilla/postgres';
import {
  createKeyring,
  createPrincipalVerifier,
  generateSigningKeys,
  type PrincipalVerifier,
  signPrincipal,
  staticKeys,
} from '@flotilla/secrets';

/** Whom a test token stands for. A user of the tenant with every permission, unless said otherwise. */
export interface TestPrincipal {
  readonly tenantId: string;
  readonly userId?: string;
  readonly permissions?: readonly string[];
  /** A service of the fleet instead of a user. */
  readonly serviceName?: string;
  readonly operator?: boolean;
  readonly ttlMs?: number;
}

/** Signs principals as identity would, without identity. */
export interface TestIdentity {
  token(principal: TestPrincipal): Promise<string>;
  /** For a service's overrides. */
  readonly verify: PrincipalVerifier;
  readonly publicJwks: string;
}

/** The id of a tenant that nobody else uses. */
export function tenant(): string {
  return newId();
}

/** Creates signing keys and tokens for a test file. */
export function testIdentity(): TestIdentity {
  const keyring = createKeyring(generateSigningKeys());
  return {
    publicJwks: keyring.publicJwks(),
    verify: createPrincipalVerifier({ keys: staticKeys(keyring.publicJwks()) }),
    async token({ tenantId, userId = randomUUID(), permissions = everyPermission, serviceName, operator, ttlMs }) {
      const subject = serviceName === undefined ? { userId } : { serviceName };
      const claims = { tenantId, ...subject, permissions, operator: operator ?? false };
      return (await signPrincipal(keyring, claims, ttlMs ?? 60_000)).token;
    },
  };
}

/** A test identity that other services can call. */
export interface IdentityServer extends TestIdentity {
  /** For `FLOTILLA_IDENTITY_ADDRESS`. */
  readonly address: string;
  /** Actions that services recorded, in the order of their arrival. */
  readonly actions: readonly Action[];
  /** Grants by id; a revoked one is gone. */
  readonly grants: ReadonlyMap<string, TestPrincipal>;
  /** What happens when the starter of a run is locked out. */
  revoke(grantId: string): void;
  stop(): Promise<void>;
}

/** Starts a server with the methods of identity that services call: token exchange, grants, actions. Any service secret will do. */
export async function startTestIdentity(): Promise<IdentityServer> {
  const identity = testIdentity();
  const actions: Action[] = [];
  const grants = new Map<string, TestPrincipal>();
  const purposes = new Map<string, string>();
  const exchanged = async (principal: TestPrincipal) => ({
    token: await identity.token(principal),
    expireTime: timestampFromDate(new Date(Date.now() + 60_000)),
    tenantId: principal.tenantId,
    userId: principal.userId ?? '',
  });
  async function grant(subjectToken: string, purpose: string): Promise<string> {
    const { tenantId, userId, permissions, operator } = await identity.verify(subjectToken);
    const known = purposes.get(`${tenantId} ${purpose}`);
    if (known !== undefined) return known;
    const grantId = newId();
    grants.set(grantId, { tenantId, ...(userId !== undefined && { userId }), permissions: [...permissions], operator });
    purposes.set(`${tenantId} ${purpose}`, grantId);
    return grantId;
  }
  const server = createGrpcServer({
    services: [
      implement(TokenService, {
        async exchangeToken({ credential }) {
          if (credential.case === 'service') {
            const { name, tenantId } = credential.value;
            return exchanged({ tenantId, serviceName: name, permissions: [] });
          }
          const principal = credential.case === 'grant' ? grants.get(credential.value.grantId) : undefined;
          if (principal === undefined)
            throw new AppError('unauthenticated', 'CREDENTIAL_INVALID', 'The credential is not valid.');
          return exchanged(principal);
        },
        getSigningKeys: async () => ({ jwksJson: identity.publicJwks }),
      }),
      implement(GrantService, {
        createGrant: async ({ subjectToken, purpose }) => ({ grantId: await grant(subjectToken, purpose) }),
        batchCreateGrants: async ({ subjectToken, purposes: wanted }) => ({
          grantIds: await Promise.all(wanted.map((purpose) => grant(subjectToken, purpose))),
        }),
        async revokeGrant({ grantId }) {
          grants.delete(grantId);
          return {};
        },
        async batchRevokeGrants({ grantIds }) {
          for (const grantId of grantIds) grants.delete(grantId);
          return {};
        },
      }),
      implement(ActionService, {
        async recordAction(request) {
          actions.push(...request.actions);
          return { recorded: request.actions.length };
        },
      }),
    ],
    host: '127.0.0.1',
    port: 0,
    verify: identity.verify,
    log: createLogger({ service: 'test-identity', level: 'silent' }),
    metrics: createMetrics('test-identity'),
  });
  const { port } = await server.start();
  return {
    ...identity,
    address: `127.0.0.1:${port}`,
    actions,
    grants,
    revoke: (grantId) => void grants.delete(grantId),
    stop: () => server.drain(0),
  };
}
