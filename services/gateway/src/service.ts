import type { AddressInfo } from 'node:net';
import { services } from '@flotilla/contracts';
import { TokenService } from '@flotilla/contracts/identity';
import { documentedContract } from '@flotilla/contracts/image';
import { createGrpcClient } from '@flotilla/grpc';
import { createLogger, createMetrics } from '@flotilla/observability';
import { createLimiter, createRedis } from '@flotilla/redis';
import { createActionRecorder, createRuntime, createServiceTokens, sendToIdentity } from '@flotilla/service';
import type { FastifyInstance } from 'fastify';
import { createBackends } from './backends.ts';
import type { Config } from './config.ts';
import { createAuthenticate } from './credentials/authenticate.ts';
import { exchangeThroughIdentity } from './credentials/exchange-through-identity.ts';
import { createFailureLimit } from './credentials/failure-limit.ts';
import { createTokenCache } from './credentials/token-cache.ts';
import { deniedRequest } from './denied-request.ts';
import { createMethodCaller } from './http/call-method.ts';
import { createHttpServer, drainHttpServer, type HttpServerOptions } from './http/server.ts';
import { createMeters } from './metrics.ts';
import { openApiDocument } from './openapi/document.ts';

/** The edge. Nothing listens before `start`. */
export interface Gateway {
  start(): Promise<{ readonly httpPort: number; readonly adminPort: number }>;
  stop(): Promise<void>;
}

const version = '0.1.0';
const identityDeadlineMs = 5_000;
const checkDeadlineMs = 1_500;

/** Builds the gateway. */
export function createService(config: Config): Gateway {
  const log = createLogger({ service: 'gateway', level: config.logLevel });
  const metrics = createMetrics('gateway');
  const meters = createMeters(metrics);
  const backends = createBackends(services, config.addresses, metrics);
  const identity = createGrpcClient(TokenService, { address: config.addresses.identity, metrics });
  const ownTokens = createServiceTokens({
    identityAddress: config.addresses.identity,
    service: 'gateway',
    secret: config.clientSecret,
    metrics,
  });
  const actions = createActionRecorder({
    service: 'gateway',
    send: sendToIdentity(config.addresses.identity, () => ownTokens.own()),
    log,
    metrics,
  });
  const redis = createRedis({ url: config.redisUrl, log, metrics });
  const failures = createFailureLimit(
    // Open without Redis: a credential has more bits than anybody can guess, and passwords have a lockout of their own.
    createLimiter(redis, {
      name: 'failed-credentials',
      limit: config.failedCredentialsPerMinute,
      windowMs: 60_000,
      onFailure: 'allow',
    }),
  );
  const tokens = createTokenCache({
    exchange: exchangeThroughIdentity(identity, identityDeadlineMs),
    ttlMs: config.credentialTtlMs,
    refusalTtlMs: 1_000,
    maxEntries: 10_000,
    now: Date.now,
    count: (outcome) => meters.credentialLookups.inc({ outcome }),
  });
  const options: HttpServerOptions = {
    services,
    document: openApiDocument(documentedContract(), version),
    caller: createMethodCaller(backends.clientOf),
    authenticate: createAuthenticate(tokens, failures),
    failures,
    denied: (error, request) => actions.record(deniedRequest(error, request)),
    log,
    metrics,
    bodyLimitBytes: config.bodyLimitBytes,
    corsOrigins: config.corsOrigins,
    trustedProxies: config.trustedProxies,
    deadlines: { requestMs: config.requestTimeoutMs, effectMs: config.effectTimeoutMs },
    streams: {
      maxOpen: config.maxStreams,
      openAfterMs: 1_000,
      heartbeatMs: config.heartbeatMs,
      stalledMs: config.stalledStreamMs,
      recheckMs: config.credentialTtlMs,
    },
  };
  let app: FastifyInstance | undefined;
  let httpPort = config.httpPort;
  const runtime = createRuntime({
    name: 'gateway',
    log,
    metrics,
    adminHost: config.host,
    adminPort: config.adminPort,
    graceMs: config.shutdownGraceMs,
    otlpEndpoint: config.otlpEndpoint,
    components: [
      {
        name: 'backends',
        phase: 'transport',
        stop: async () => {
          backends.close();
          identity.close();
          ownTokens.close();
        },
      },
      {
        name: 'identity',
        phase: 'transport',
        // Without it nobody can be told apart.
        check: () => identity.getSigningKeys({}, { deadlineMs: checkDeadlineMs }),
      },
      { name: 'redis', phase: 'transport', optional: true, check: () => redis.ping(), stop: () => redis.close() },
      actions.component,
      {
        name: 'http',
        phase: 'edge',
        start: async () => {
          app = await createHttpServer(options);
          await app.listen({ host: config.host, port: config.httpPort });
          httpPort = (app.server.address() as AddressInfo).port;
        },
        stop: async (graceMs) => {
          if (app !== undefined) await drainHttpServer(app, Math.max(graceMs - 1_000, 500));
        },
      },
    ],
  });
  return {
    start: async () => ({ ...(await runtime.start()), httpPort }),
    stop: () => runtime.stop(),
  };
}
