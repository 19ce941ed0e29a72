import type { DescMethod, JsonObject, Message } from '@bufbuild/protobuf';
import { methodRules, services } from '@flotilla/contracts';
import { TokenService } from '@flotilla/contracts/identity';
import { documentedContract } from '@flotilla/contracts/image';
import { AppError } from '@flotilla/errors';
import { type Call, createGrpcClient, createGrpcServer, type RegisteredService } from '@flotilla/grpc';
import { createLogger, createMetrics } from '@flotilla/observability';
import {
  createKeyring,
  createPrincipalVerifier,
  generateSigningKeys,
  signPrincipal,
  staticKeys,
} from '@flotilla/secrets';
import { createBackends } from '../src/backends.ts';
import { createAuthenticate } from '../src/credentials/authenticate.ts';
import { exchangeThroughIdentity } from '../src/credentials/exchange-through-identity.ts';
import type { FailureLimit } from '../src/credentials/failure-limit.ts';
import { createTokenCache } from '../src/credentials/token-cache.ts';
import { createMethodCaller } from '../src/http/call-method.ts';
import { createHttpServer, drainHttpServer, type HttpServerOptions } from '../src/http/server.ts';
import { openApiDocument } from '../src/openapi/document.ts';

/** What a scripted method answers; streams are generators. */
export type Script = (request: Record<string, unknown>, call: Call) => unknown;

/** The edge over real HTTP, in front of a real gRPC server whose methods are scripts. */
export interface Edge {
  readonly url: string;
  readonly key: string;
  /** Requests as they arrived at the methods, oldest first. */
  readonly calls: readonly {
    readonly method: string;
    readonly request: Record<string, unknown>;
    readonly call: Call;
  }[];
  readonly denials: readonly string[];
  readonly exchanges: { count: number };
  /** Sets what a method answers; every other one answers an empty message. */
  on(method: DescMethod, script: Script): void;
  revoke(key: string): void;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

export const tenantId = '0198c1de-0000-7000-8000-00000000000a';
export const id = '0198c1de-0000-7000-8000-000000000001';

/** Starts it. */
export async function startEdge(
  overrides: Partial<HttpServerOptions> & { failures?: FailureLimit; credentialTtlMs?: number } = {},
): Promise<Edge> {
  const keyring = createKeyring(generateSigningKeys());
  const log = createLogger({ service: 'gateway-test', level: 'silent' });
  const metrics = createMetrics('gateway-test');
  const scripts = new Map<string, Script>();
  const calls: Edge['calls'][number][] = [];
  const denials: string[] = [];
  const keys = new Set(['flk_good']);
  const exchanges = { count: 0 };
  const nameOf = (method: DescMethod): string => `${method.parent.typeName}/${method.name}`;

  scripts.set(nameOf(TokenService.method.exchangeToken), async (request) => {
    exchanges.count += 1;
    const { value } = request['credential'] as { value: string };
    if (!keys.has(value)) throw new AppError('unauthenticated', 'CREDENTIAL_INVALID', 'No such credential.');
    const permissions = [...new Set(services.flatMap((service) => service.methods.map(permissionOf)))];
    const claims = { tenantId, userId: id, permissions, operator: true };
    const { token, expiresAt } = await signPrincipal(keyring, claims, 300_000);
    const seconds = BigInt(Math.floor(expiresAt.getTime() / 1000));
    return { token, expireTime: { seconds, nanos: 0 }, tenantId, userId: id };
  });

  const scripted: RegisteredService[] = services.map((service) => ({
    service,
    methods: Object.fromEntries(
      service.methods.map((method) => [
        method.localName,
        (request: Record<string, unknown>, call: Call) => {
          // How often identity is asked depends on how long answers are believed: not the business of most tests.
          if (method !== TokenService.method.exchangeToken) calls.push({ method: method.name, request, call });
          return (scripts.get(nameOf(method)) ?? (method.methodKind === 'unary' ? emptyReply : emptyStream))(
            request,
            call,
          );
        },
      ]),
    ),
  }));
  const backend = createGrpcServer({
    services: scripted,
    host: '127.0.0.1',
    port: 0,
    verify: createPrincipalVerifier({ keys: staticKeys(keyring.publicJwks()) }),
    log,
    metrics: createMetrics('backend-test'),
  });
  const { port } = await backend.start();
  const domains = ['identity', 'agent', 'workflow', 'validation', 'notification', 'audit'];
  const backends = createBackends(services, Object.fromEntries(domains.map((d) => [d, `127.0.0.1:${port}`])), metrics);
  const failures: FailureLimit = overrides.failures ?? { blockedForMs: async () => 0, record: async () => undefined };
  const tokens = createTokenCache({
    exchange: exchangeThroughIdentity(createGrpcClient(TokenService, { address: `127.0.0.1:${port}` }), 5_000),
    ttlMs: overrides.credentialTtlMs ?? 60_000,
    refusalTtlMs: 100,
    maxEntries: 100,
    now: Date.now,
  });
  const app = await createHttpServer({
    services,
    document: openApiDocument(documentedContract(), '0.0.0') as JsonObject,
    caller: createMethodCaller(backends.clientOf),
    authenticate: createAuthenticate(tokens, failures),
    failures,
    denied: (error) => denials.push(error.reason),
    log,
    metrics,
    bodyLimitBytes: 1024 * 1024,
    corsOrigins: ['https://console.example'],
    trustedProxies: [],
    deadlines: { requestMs: 5_000, effectMs: 10_000 },
    streams: { maxOpen: 100, openAfterMs: 200, heartbeatMs: 200, stalledMs: 1_500, recheckMs: 200 },
    ...overrides,
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    url,
    key: 'flk_good',
    calls,
    denials,
    exchanges,
    on: (method, script) => scripts.set(nameOf(method), script),
    revoke: (key) => keys.delete(key),
    fetch: (path, init = {}) =>
      fetch(`${url}${path}`, {
        ...init,
        headers: { 'x-api-key': 'flk_good', ...(init.headers as Record<string, string>) },
      }),
    close: async () => {
      await drainHttpServer(app, 500);
      backends.close();
      await backend.drain(1_000);
    },
  };
}

/** Sends JSON. */
export function json(method: string, body: unknown, headers: Record<string, string> = {}): RequestInit {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { method, headers: { 'content-type': 'application/json', ...headers }, body: text };
}

async function emptyReply(): Promise<Partial<Message>> {
  return {};
}

async function* emptyStream(): AsyncIterable<never> {}

function permissionOf(method: DescMethod): string {
  return methodRules(method).permission ?? 'nothing:at-all';
}
