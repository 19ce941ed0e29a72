import { type Environment, type EnvironmentReader, parseEnvironment } from '@flotilla/config';
import { type LogLevel, logLevels } from '@flotilla/observability';
import { readOtlpEndpoint } from '@flotilla/service';

/** What the gateway is started with. Times in milliseconds. */
export interface Config {
  readonly host: string;
  readonly httpPort: number;
  readonly adminPort: number;
  readonly clientSecret: string;
  readonly logLevel: LogLevel;
  readonly otlpEndpoint: string | undefined;
  readonly redisUrl: string;
  /** The gRPC address of each domain's service: `agent` is the domain of `flotilla.agent.v1`. */
  readonly addresses: Readonly<Record<Domain, string>>;
  readonly bodyLimitBytes: number;
  readonly corsOrigins: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly requestTimeoutMs: number;
  readonly effectTimeoutMs: number;
  readonly credentialTtlMs: number;
  readonly failedCredentialsPerMinute: number;
  readonly maxStreams: number;
  readonly stalledStreamMs: number;
  readonly heartbeatMs: number;
  readonly shutdownGraceMs: number;
}

/** The domains that have REST routes. */
export type Domain = 'identity' | 'agent' | 'workflow' | 'validation' | 'notification' | 'audit';

const port = { min: 0, max: 65_535 };

/** Reads the gateway's configuration. */
export const readConfig = (read: EnvironmentReader): Config => {
  const address = (service: string, defaultPort: number): string =>
    read.text(`FLOTILLA_${service}_ADDRESS`, {
      description: `Where the ${service.toLowerCase().replace('_', '-')} service answers gRPC.`,
      default: `127.0.0.1:${defaultPort}`,
    });
  return {
    host: read.text('FLOTILLA_HOST', { description: 'The address to listen on.', default: '127.0.0.1' }),
    httpPort: read.integer('GATEWAY_HTTP_PORT', {
      description: 'REST, streams and documentation.',
      default: 7400,
      ...port,
    }),
    adminPort: read.integer('GATEWAY_ADMIN_PORT', { description: 'Health and metrics.', default: 7500, ...port }),
    clientSecret: read.secret('GATEWAY_CLIENT_SECRET', {
      description: 'Proves to identity which service this is.',
      minLength: 16,
    }),
    logLevel: read.oneOf('FLOTILLA_LOG_LEVEL', {
      description: 'The least that is logged.',
      values: logLevels,
      default: 'info',
    }),
    otlpEndpoint: readOtlpEndpoint(read),
    redisUrl: read.url('FLOTILLA_REDIS_URL', {
      description: 'Counts failed credentials for all replicas; without it they are not limited.',
      protocols: ['redis', 'rediss'],
    }),
    addresses: {
      identity: address('IDENTITY', 7401),
      agent: address('LLM_AGENT', 7402),
      workflow: address('WORKFLOW', 7403),
      validation: address('VALIDATION', 7404),
      notification: address('NOTIFICATION', 7405),
      audit: address('AUDIT', 7406),
    },
    bodyLimitBytes: read.integer('GATEWAY_BODY_LIMIT_BYTES', {
      description: 'The largest body of a request.',
      default: 1_048_576,
      min: 1_024,
      max: 16_777_216,
    }),
    corsOrigins: read.list('GATEWAY_CORS_ORIGINS', {
      description: 'Origins whose browser pages may call, parted by commas; `*` for all.',
      default: [],
    }),
    trustedProxies: read.list('GATEWAY_TRUSTED_PROXIES', {
      description: 'Addresses of proxies whose X-Forwarded-For is believed, parted by commas.',
      default: [],
    }),
    requestTimeoutMs: read.integer('GATEWAY_REQUEST_TIMEOUT_MS', {
      description: 'The deadline of a request.',
      default: 30_000,
      min: 100,
    }),
    effectTimeoutMs: read.integer('GATEWAY_EFFECT_TIMEOUT_MS', {
      description: 'The deadline of a request that changes something outside the fleet, such as an agent’s execution.',
      default: 120_000,
      min: 100,
    }),
    credentialTtlMs: read.integer('GATEWAY_CREDENTIAL_TTL_MS', {
      description: 'How long an exchanged credential is believed: how late a revocation is seen.',
      default: 4_000,
      min: 100,
      max: 4_500,
    }),
    failedCredentialsPerMinute: read.integer('GATEWAY_FAILED_CREDENTIALS_PER_MINUTE', {
      description: 'Failed credentials per client address and minute before it has to wait.',
      default: 30,
      min: 1,
    }),
    maxStreams: read.integer('GATEWAY_MAX_STREAMS', {
      description: 'Event streams open at once.',
      default: 1_000,
      min: 1,
    }),
    stalledStreamMs: read.integer('GATEWAY_STALLED_STREAM_MS', {
      description: 'After which a client that takes nothing from its stream is dropped.',
      default: 30_000,
      min: 100,
    }),
    heartbeatMs: read.integer('GATEWAY_HEARTBEAT_MS', {
      description: 'Between the comments that keep a quiet stream alive.',
      default: 15_000,
      min: 100,
    }),
    shutdownGraceMs: read.integer('FLOTILLA_SHUTDOWN_GRACE_MS', {
      description: 'Time for running work at shutdown.',
      default: 20_000,
      max: 600_000,
    }),
  };
};

/** Parses the environment; reports every problem at once. */
export const parseConfig = (env: Environment): Config => parseEnvironment(env, readConfig);
