import type { DescService, JsonObject } from '@bufbuild/protobuf';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import type { AppError } from '@flotilla/errors';
import type { Logger, Metrics } from '@flotilla/observability';
import { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest, fastify, LogController } from 'fastify';
import { type Authenticate, refuseWhileBlocked } from '../credentials/authenticate.ts';
import type { FailureLimit } from '../credentials/failure-limit.ts';
import { allowedVerbs, type RestRoute, restRoutes, routerPath } from '../transcoding/rest-route.ts';
import { createdAt } from '../transcoding/show-reply.ts';
import { authentication } from './authentication.ts';
import type { MethodCaller } from './call-method.ts';
import { documentation } from './documentation.ts';
import { eventStreamHandler } from './event-stream-handler.ts';
import { jsonBodies } from './json-bodies.ts';
import { measurement } from './measurement.ts';
import { createOpenStreams } from './open-streams.ts';
import { errorOf } from './problem.ts';
import { problems, sendBareProblem } from './problems.ts';
import { tracing } from './tracing.ts';
import { type Deadlines, unaryHandler } from './unary-handler.ts';
import { webhooks } from './webhooks.ts';

/** What the edge is made of. Times in milliseconds. */
export interface HttpServerOptions {
  readonly services: readonly DescService[];
  readonly document: JsonObject;
  readonly caller: MethodCaller;
  readonly authenticate: Authenticate;
  readonly failures: FailureLimit;
  /** Hears of every refused credential; must not throw nor block. */
  readonly denied: (error: AppError, request: FastifyRequest) => void;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly bodyLimitBytes: number;
  readonly corsOrigins: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly deadlines: Deadlines;
  readonly streams: {
    readonly maxOpen: number;
    readonly openAfterMs: number;
    readonly heartbeatMs: number;
    readonly stalledMs: number;
    readonly recheckMs: number;
  };
}

/** Builds the edge without listening. */
export async function createHttpServer(options: HttpServerOptions): Promise<FastifyInstance> {
  const { bodyLimitBytes, log, metrics } = options;
  const routes = restRoutes(options.services);
  const streams = createOpenStreams(options.streams.maxOpen, metrics);
  const app = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    // Lines say the trace; a logger for each request would cost more than its one line.
    childLoggerFactory: (logger) => logger,
    // Thrown before any hook runs, on a request that no plugin has seen.
    frameworkErrors: (error, _request, reply) => sendBareProblem(errorOf(error, bodyLimitBytes), reply),
    bodyLimit: bodyLimitBytes,
    trustProxy: options.trustedProxies.length > 0 ? [...options.trustedProxies] : false,
    // Within which a whole request must have arrived: a slow sender holds a connection no longer.
    requestTimeout: options.deadlines.requestMs,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200 },
  });
  app.addHook('preClose', async () => streams.endAll());

  await app.register(tracing);
  await app.register(measurement, { metrics });
  await app.register(problems, { bodyLimitBytes, allowedVerbs: (path: string) => allowedVerbs(routes, path) });
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    // Whoever ends TLS decides for its host and the hosts below it.
    strictTransportSecurity: false,
  });
  await app.register(cors, {
    origin: options.corsOrigins.includes('*') ? true : [...options.corsOrigins],
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: ['ETag', 'Location', 'Retry-After', 'X-Trace-Id', 'traceresponse'],
    maxAge: 600,
  });
  await app.register(jsonBodies);
  await app.register(documentation, { document: options.document });

  const recheck = async (request: FastifyRequest): Promise<void> => {
    await options.authenticate(request.headers, request.ip);
  };
  const handlerOf = (route: RestRoute) =>
    route.streaming
      ? eventStreamHandler(route, options.caller, { ...options.streams, streams, recheck })
      : unaryHandler(route, options.caller, createdAt(route, routes), options.deadlines);
  const add = (scope: FastifyInstance, route: RestRoute): void => {
    scope.route({
      method: route.verb,
      url: routerPath(route),
      config: { template: route.template, rpc: route.method },
      exposeHeadRoute: route.verb === 'GET' && !route.streaming,
      handler: handlerOf(route),
    });
  };

  await app.register(async (open) => {
    open.decorateRequest('principalToken', '');
    // Signing in is where passwords are guessed: its failures count like those of credentials.
    open.addHook('onRequest', (request) => refuseWhileBlocked(options.failures, request.ip));
    open.addHook('onResponse', async (request, reply) => {
      if (reply.statusCode === 401) await options.failures.record(request.ip);
    });
    for (const route of routes.filter(({ rules }) => rules.public)) add(open, route);
    await open.register(webhooks, { caller: options.caller, deadlineMs: options.deadlines.requestMs });
  });
  await app.register(async (closed) => {
    await closed.register(authentication, { authenticate: options.authenticate, denied: options.denied });
    for (const route of routes.filter(({ rules }) => !rules.public)) add(closed, route);
  });
  return app;
}

/** Stops accepting, ends streams, lets running requests finish within the grace, then cuts off what is left: a connection that never sent a request would otherwise hold the process for a minute. */
export async function drainHttpServer(app: FastifyInstance, graceMs: number): Promise<void> {
  const cutOff = setTimeout(() => app.server.closeAllConnections(), graceMs);
  try {
    await app.close();
  } finally {
    clearTimeout(cutOff);
  }
}
