import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { createKafkaTransport, createRelay, type Relay, type Transport } from '@flotilla/events';
import {
  createGrpcClient,
  createGrpcServer,
  type GrpcClient,
  type PrincipalVerifier,
  type RegisteredService,
} from '@flotilla/grpc';
import { createLogger, createMetrics, type Logger, type Metrics } from '@flotilla/observability';
import { type Conflicts, createDatabase, type Database } from '@flotilla/postgres';
import { createPrincipalVerifier, remoteKeys } from '@flotilla/secrets';
import {
  type ActionRecorder,
  type ActionRecorderOptions,
  createActionRecorder,
  sendToIdentity,
} from './action-recorder.ts';
import type { CommonConfig } from './common-config.ts';
import type { Component } from './component.ts';
import type { Service } from './run-service.ts';
import { createRuntime } from './runtime.ts';
import { createServiceTokens, type ServiceTokens } from './service-tokens.ts';

/** What a kit is made with beside the common configuration. */
export interface KitOptions {
  /** `llm-agent` */
  readonly name: string;
  /** What violated constraints mean. */
  readonly conflicts?: Conflicts;
  /** Instead of the keys that identity publishes: for tests, and for identity itself. */
  readonly verify?: PrincipalVerifier;
  /** Instead of identity's RecordAction: for tests, and for identity itself. */
  readonly recordActions?: ActionRecorderOptions['send'];
  /** Methods whose refusals the service records itself, for it knows more about them. */
  readonly recordsItself?: readonly DescMethod[];
  /** For unary calls that come without a deadline; the gRPC server's own unless said. */
  readonly defaultDeadlineMs?: number;
  readonly log?: Logger;
}

/** What every service with a database is built from. Nothing connects or listens before `service(…).start()`. */
export interface ServiceKit<Schema> {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly db: Database<Schema>;
  readonly transport: Transport;
  readonly relay: Relay;
  readonly verify: PrincipalVerifier;
  readonly tokens: ServiceTokens;
  readonly recorder: ActionRecorder;
  /** A client of another service that calls as this service, unless a call brings its own token. */
  clientOf<S extends DescService>(service: S, address: string): GrpcClient<S>;
  /** The whole service: the kit's own parts, the gRPC server with these services, and these components. */
  service(parts: { readonly grpc: readonly RegisteredService[]; readonly components?: readonly Component[] }): Service;
}

/** Builds the parts that every service has, so that its `service.ts` tells only what is special about it. */
export function createServiceKit<Schema>(config: CommonConfig, options: KitOptions): ServiceKit<Schema> {
  const { name } = options;
  const log = options.log ?? createLogger({ service: name, level: config.logLevel });
  const metrics = createMetrics(name);
  const tokens = createServiceTokens({
    identityAddress: config.identityAddress,
    service: name,
    secret: config.clientSecret,
    metrics,
  });
  const verify = options.verify ?? createPrincipalVerifier({ keys: remoteKeys(() => tokens.signingKeys()) });
  const transport = createKafkaTransport({
    brokers: config.kafkaBrokers,
    prefix: config.kafkaPrefix,
    clientId: name,
    log,
    metrics,
  });
  const relay = createRelay({ url: config.relayDatabaseUrl, transport, log, metrics });
  const db = createDatabase<Schema>({
    url: config.databaseUrl,
    maxConnections: config.maxConnections,
    applicationName: name,
    log,
    metrics,
    onCommit: () => relay.wake(),
    conflicts: options.conflicts,
  });
  const recorder = createActionRecorder({
    service: name,
    send: options.recordActions ?? sendToIdentity(config.identityAddress, () => tokens.own()),
    log,
    metrics,
  });
  const clients: { close(): void }[] = [tokens];

  return {
    log,
    metrics,
    db,
    transport,
    relay,
    verify,
    tokens,
    recorder,
    clientOf(service, address) {
      const client = createGrpcClient(service, { address, token: () => tokens.own(), metrics });
      clients.push(client);
      return client;
    },
    service({ grpc, components = [] }) {
      const server = createGrpcServer({
        services: grpc,
        host: config.host,
        port: config.grpcPort,
        verify,
        log,
        metrics,
        ...(options.defaultDeadlineMs !== undefined && { defaultDeadlineMs: options.defaultDeadlineMs }),
        record: (denial) => {
          if (options.recordsItself?.includes(denial.method) !== true) recorder.recordDenial(denial);
        },
      });
      let grpcPort = 0;
      const runtime = createRuntime({
        name,
        log,
        metrics,
        adminHost: config.host,
        adminPort: config.adminPort,
        graceMs: config.shutdownGraceMs,
        otlpEndpoint: config.otlpEndpoint,
        components: [
          { name: 'database', phase: 'storage', check: () => db.ping(), stop: () => db.close() },
          {
            name: 'clients',
            phase: 'storage',
            stop: async () => {
              for (const client of clients) client.close();
            },
          },
          {
            name: 'kafka',
            phase: 'transport',
            optional: true,
            check: () => transport.ping(),
            stop: () => transport.close(),
          },
          { name: 'relay', phase: 'relay', start: () => relay.start(), stop: () => relay.stop() },
          recorder.component,
          ...components,
          {
            name: 'grpc',
            phase: 'edge',
            start: async () => {
              grpcPort = (await server.start()).port;
            },
            stop: (graceMs) => server.drain(graceMs),
          },
        ],
      });
      return {
        start: async () => ({ ...(await runtime.start()), grpcPort }),
        stop: () => runtime.stop(),
      };
    },
  };
}
