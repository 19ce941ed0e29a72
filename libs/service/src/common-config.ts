import type { EnvironmentReader } from '@flotilla/config';
import { type LogLevel, logLevels } from '@flotilla/observability';

/** What every service with a database is started with. */
export interface CommonConfig {
  /** The address to listen on. */
  readonly host: string;
  readonly grpcPort: number;
  readonly adminPort: number;
  readonly databaseUrl: string;
  readonly relayDatabaseUrl: string;
  readonly maxConnections: number;
  readonly kafkaBrokers: readonly string[];
  /** Before every topic and consumer group, where several fleets share a broker. */
  readonly kafkaPrefix?: string | undefined;
  readonly identityAddress: string;
  /** Proves to identity which service this is. */
  readonly clientSecret: string;
  readonly logLevel: LogLevel;
  readonly otlpEndpoint?: string | undefined;
  readonly shutdownGraceMs: number;
}

/**
 * Reads what every service needs. `prefix` is the service's own, for example `LLM_AGENT`.
 *
 * @example
 * export const readConfig = (read: EnvironmentReader): Config => ({ ...commonConfig(read, 'LLM_AGENT', 7402), … });
 */
export function commonConfig(read: EnvironmentReader, prefix: string, defaultGrpcPort: number): CommonConfig {
  const port = { max: 65_535 };
  const postgres = { protocols: ['postgres', 'postgresql'] };
  return {
    host: read.text('FLOTILLA_HOST', { description: 'The address to listen on.', default: '127.0.0.1' }),
    grpcPort: read.integer(`${prefix}_GRPC_PORT`, {
      description: 'Port of the gRPC server; 0 takes a free one.',
      default: defaultGrpcPort,
      ...port,
    }),
    adminPort: read.integer(`${prefix}_ADMIN_PORT`, {
      description: 'Port of /livez, /readyz and /metrics; 0 takes a free one.',
      default: defaultGrpcPort + 100,
      ...port,
    }),
    databaseUrl: read.url(`${prefix}_DATABASE_URL`, {
      description: 'The service’s database, as its app role.',
      ...postgres,
    }),
    relayDatabaseUrl: read.url(`${prefix}_RELAY_DATABASE_URL`, {
      description: 'The same database, as the relay role, which sees the outbox only.',
      ...postgres,
    }),
    maxConnections: read.integer(`${prefix}_DATABASE_MAX_CONNECTIONS`, {
      description: 'Connections to the database at most.',
      default: 10,
      min: 1,
      max: 500,
    }),
    kafkaBrokers: read.list('FLOTILLA_KAFKA_BROKERS', { description: 'Kafka brokers, `host:port`.' }),
    kafkaPrefix: read.text('FLOTILLA_KAFKA_PREFIX', {
      description: 'Before every topic and consumer group, where several fleets share a broker.',
      optional: true,
    }),
    identityAddress: read.text('FLOTILLA_IDENTITY_ADDRESS', {
      description: 'The identity service: `host:port`, or `ipv4:a:1,b:2` for several.',
      default: '127.0.0.1:7401',
    }),
    clientSecret: read.secret(`${prefix}_CLIENT_SECRET`, {
      description: 'Proves to identity which service this is.',
      minLength: 16,
    }),
    logLevel: read.oneOf('FLOTILLA_LOG_LEVEL', {
      description: 'The least that is logged.',
      values: logLevels,
      default: 'info',
    }),
    otlpEndpoint: readOtlpEndpoint(read),
    shutdownGraceMs: read.integer('FLOTILLA_SHUTDOWN_GRACE_MS', {
      description: 'Time for running work at shutdown.',
      default: 20_000,
      max: 600_000,
    }),
  };
}

/** Where spans go; OpenTelemetry's own name for it, so that what is set for a whole machine holds here too. */
export function readOtlpEndpoint(read: EnvironmentReader): string | undefined {
  return read.url('OTEL_EXPORTER_OTLP_ENDPOINT', {
    description: 'Where traces go, as OTLP over HTTP: `http://collector:4318`. None are kept without it.',
    optional: true,
    protocols: ['http', 'https'],
  });
}
