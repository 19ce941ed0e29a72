import type { FleetProcess, Health, Surroundings } from './fleet-process.ts';

/** Where each process listens, counted from the base port (7400 unless FLOTILLA_PORT_BASE says otherwise). */
export const portOffsets = {
  gateway: { http: 0, admin: 100 },
  identity: { grpc: 1, admin: 101 },
  'llm-agent': { grpc: 2, admin: 102 },
  workflow: { grpc: 3, admin: 103 },
  validation: { grpc: 4, admin: 104 },
  notification: { grpc: 5, admin: 105 },
  audit: { grpc: 6, admin: 106 },
  'local-model': { http: 7, admin: 107 },
  tracker: { http: 8 },
  postgres: { sql: 20 },
  kafka: { broker: 21, controller: 22 },
  valkey: { redis: 23 },
  temporal: { grpc: 24 },
  maildev: { smtp: 25, web: 26 },
} as const;

/** How much higher than the first a replica listens: 50, 200, 250… so that none meets the administration ports at 100. */
export function replicaOffset(replica: number): number {
  return ((replica - 1) % 2) * 50 + Math.floor((replica - 1) / 2) * 200;
}

/** Services that answer gRPC, each with a database of its own. */
export const grpcServices = ['identity', 'llm-agent', 'workflow', 'validation', 'notification', 'audit'] as const;
/** Every service that authenticates to others. */
const callers = [...grpcServices, 'gateway'] as const;

/** `llm-agent` → `LLM_AGENT`, as in the names of its variables. */
export function variablePrefix(service: string): string {
  return service.toUpperCase().replaceAll('-', '_');
}

/** `llm-agent` → `llm_agent`, as in the names of its database and roles. */
export function databasePrefix(service: string): string {
  return service.replaceAll('-', '_');
}

/** What a fleet is made of: how many of each service, at which ports. */
export interface FleetShape {
  readonly portBase: number;
  readonly replicas: number;
}

/** Every process of the fleet, in an order in which they can be read; `after` says in which they can start. */
export function describeFleet({ portBase, replicas }: FleetShape, around: Surroundings): readonly FleetProcess[] {
  const at = <Name extends keyof typeof portOffsets>(name: Name, replica = 1): Readonly<Record<string, number>> =>
    Object.fromEntries(
      Object.entries(portOffsets[name]).map(([use, offset]) => [use, portBase + offset + replicaOffset(replica)]),
    );
  const copies = (each: (replica: number, suffix: string) => FleetProcess): FleetProcess[] =>
    Array.from({ length: replicas }, (_, index) => each(index + 1, index === 0 ? '' : `-${index + 1}`));
  const shared = sharedEnvironment(around);

  const backing: FleetProcess[] = [
    server('postgres', 'databases of every service', at('postgres'), around.secret('postgres')),
    server('kafka', 'events between services', at('kafka')),
    server('valkey', 'cache and limits of the gateway', at('valkey'), around.secret('valkey')),
    server('temporal', 'durable timers and retries of workflows', at('temporal')),
    {
      name: 'maildev',
      kind: 'backing',
      about: 'a mail server with an inbox to look at',
      program: {
        kind: 'script',
        path: 'deploy/node_modules/maildev/dist/bin/maildev.js',
        argv: mailArguments(at('maildev'), around),
      },
      ports: at('maildev'),
      health: { kind: 'http', port: at('maildev')['web'] ?? 0, path: '/api/healthz' },
      after: [],
      env: {},
    },
  ];

  const preparation: FleetProcess[] = [
    task('provision', 'databases and their roles', 'cli/src/tasks/provision.ts', ['postgres'], {
      FLOTILLA_SUPERUSER_URL: around.superuserUrl,
      ...Object.fromEntries(
        grpcServices.flatMap((service) =>
          (['migrator', 'app', 'relay', 'readonly', 'backup'] as const).map((role) => [
            `${variablePrefix(service)}_${role.toUpperCase()}_PASSWORD`,
            around.secret(databaseSecret(service, role)),
          ]),
        ),
      ),
    }),
    task('topics', 'event topics', 'cli/src/tasks/topics.ts', ['kafka'], {
      FLOTILLA_KAFKA_BROKERS: around.kafkaBrokers,
    }),
    ...grpcServices.map(
      (service): FleetProcess => ({
        name: `migrate-${service}`,
        kind: 'task',
        about: `tables of ${service}`,
        program: { kind: 'service', folder: `services/${service}`, argv: ['migrate'] },
        ports: {},
        health: { kind: 'exit' },
        after: ['provision'],
        env: {
          ...shared,
          ...ownEnvironment(service, at(service), around),
          [`${variablePrefix(service)}_MIGRATOR_DATABASE_URL`]: around.databaseUrl(service, 'migrator'),
        },
      }),
    ),
  ];

  const services: FleetProcess[] = [
    {
      name: 'local-model',
      kind: 'service',
      about: 'small language model, OpenAI-compatible',
      program: { kind: 'service', folder: 'services/local-model', argv: [] },
      ports: at('local-model'),
      health: http(at('local-model')['http'], '/health'),
      after: [],
      env: {
        FLOTILLA_HOST: around.bindHost,
        FLOTILLA_LOG_LEVEL: 'info',
        LOCAL_MODEL_HTTP_PORT: String(at('local-model')['http']),
        LOCAL_MODEL_ADMIN_PORT: String(at('local-model')['admin']),
        LOCAL_MODEL_PATH: around.modelPath,
        LOCAL_MODEL_THREADS: String(around.modelThreads),
      },
    },
    ...grpcServices.flatMap((service) =>
      copies((replica, suffix) => ({
        name: `${service}${suffix}`,
        kind: 'service',
        about: abouts[service],
        program: { kind: 'service', folder: `services/${service}`, argv: [] },
        ports: at(service, replica),
        health: http(at(service, replica)['admin'], '/readyz'),
        after: [`migrate-${service}`, 'topics', ...(service === 'workflow' ? ['temporal'] : [])],
        env: {
          ...shared,
          ...ownEnvironment(service, at(service, replica), around),
          ...specialEnvironment(service, around),
        },
      })),
    ),
    ...copies((replica, suffix) => ({
      name: `gateway${suffix}`,
      kind: 'service',
      about: 'the edge: REST, streams, documentation',
      program: { kind: 'service', folder: 'services/gateway', argv: [] },
      ports: at('gateway', replica),
      health: http(at('gateway', replica)['admin'], '/readyz'),
      after: ['valkey'],
      env: {
        ...shared,
        GATEWAY_HTTP_PORT: String(at('gateway', replica)['http']),
        GATEWAY_ADMIN_PORT: String(at('gateway', replica)['admin']),
        GATEWAY_CLIENT_SECRET: around.secret(clientSecret('gateway')),
      },
    })),
    {
      name: 'tracker',
      kind: 'service',
      about: 'change records of the demo',
      program: { kind: 'script', path: 'demo/src/tracker/main.ts', argv: [] },
      ports: at('tracker'),
      health: http(at('tracker')['http'], '/health'),
      after: [],
      env: {
        FLOTILLA_HOST: around.bindHost,
        TRACKER_HTTP_PORT: String(at('tracker')['http']),
        TRACKER_STATE_DIR: around.stateDir('tracker'),
      },
    },
  ];
  return [...backing, ...preparation, ...services];
}

const abouts: Readonly<Record<(typeof grpcServices)[number], string>> = {
  identity: 'tenants, users, keys, token exchange',
  'llm-agent': 'agents and their executions',
  workflow: 'definitions, runs, undo',
  validation: 'rules and scores',
  notification: 'templates, e-mail, inbox',
  audit: 'what happened, provably',
};

/** Name of the secret that holds a database role's password. */
export function databaseSecret(service: string, role: string): string {
  return `database/${databasePrefix(service)}_${role}`;
}

function clientSecret(service: string): string {
  return `client/${service}`;
}

function sharedEnvironment(around: Surroundings): Record<string, string> {
  return {
    FLOTILLA_HOST: around.bindHost,
    FLOTILLA_LOG_LEVEL: 'info',
    OTEL_EXPORTER_OTLP_ENDPOINT: around.otlpEndpoint,
    FLOTILLA_KAFKA_BROKERS: around.kafkaBrokers,
    FLOTILLA_REDIS_URL: around.redisUrl,
    FLOTILLA_TEMPORAL_ADDRESS: around.temporalAddress,
    ...Object.fromEntries(
      grpcServices.map((service) => [`FLOTILLA_${variablePrefix(service)}_ADDRESS`, around.grpcAddress(service)]),
    ),
  };
}

function ownEnvironment(
  service: string,
  ports: Readonly<Record<string, number>>,
  around: Surroundings,
): Record<string, string> {
  const prefix = variablePrefix(service);
  return {
    [`${prefix}_GRPC_PORT`]: String(ports['grpc']),
    [`${prefix}_ADMIN_PORT`]: String(ports['admin']),
    [`${prefix}_DATABASE_URL`]: around.databaseUrl(service, 'app'),
    [`${prefix}_RELAY_DATABASE_URL`]: around.databaseUrl(service, 'relay'),
    [`${prefix}_CLIENT_SECRET`]: around.secret(clientSecret(service)),
  };
}

function specialEnvironment(service: (typeof grpcServices)[number], around: Surroundings): Record<string, string> {
  switch (service) {
    case 'identity':
      return {
        IDENTITY_SIGNING_KEYS: around.secret('signing/identity'),
        IDENTITY_SERVICE_CREDENTIALS: callers
          .map((caller) => `${caller}:${around.fingerprint(clientSecret(caller))}`)
          .join(','),
        IDENTITY_BOOTSTRAP_TENANT_SLUG: 'flotilla',
        IDENTITY_BOOTSTRAP_ADMIN_EMAIL: 'admin@flotilla.example',
        IDENTITY_BOOTSTRAP_ADMIN_PASSWORD: around.secret('bootstrap/admin-password'),
        IDENTITY_BOOTSTRAP_API_KEY: around.secret('bootstrap/api-key'),
      };
    case 'workflow':
      return {
        WORKFLOW_HTTP_ALLOWED_HOSTS: new URL(around.trackerUrl).host,
        WORKFLOW_TEMPORAL_PAYLOAD_SECRETS: around.secret('payload/workflow'),
        WORKFLOW_ENCRYPTION_SECRETS: around.secret('encryption/workflow'),
      };
    case 'llm-agent':
      return {
        LLM_AGENT_LOCAL_MODEL_URL: around.localModelUrl,
        LLM_AGENT_ENCRYPTION_SECRETS: around.secret('encryption/llm-agent'),
      };
    case 'notification':
      return { NOTIFICATION_SMTP_URL: around.smtpUrl, NOTIFICATION_MAIL_FROM: 'Flotilla <fleet@flotilla.example>' };
    default:
      return {};
  }
}

function server(
  name: 'postgres' | 'kafka' | 'valkey' | 'temporal',
  about: string,
  ports: Readonly<Record<string, number>>,
  password?: string,
): FleetProcess {
  const program = { kind: 'server', server: name, ...(password === undefined ? {} : { password }) } as const;
  return { name, kind: 'backing', about, program, ports, health: { kind: 'protocol' }, after: [], env: {} };
}

function task(
  name: string,
  about: string,
  path: string,
  after: readonly string[],
  env: Record<string, string>,
): FleetProcess {
  return {
    name,
    kind: 'task',
    about,
    program: { kind: 'script', path, argv: [] },
    ports: {},
    health: { kind: 'exit' },
    after,
    env,
  };
}

function http(port: number | undefined, path: string): Health {
  return { kind: 'http', port: port ?? 0, path };
}

function mailArguments(ports: Readonly<Record<string, number>>, { bindHost, stateDir }: Surroundings): string[] {
  const listen = [
    '--smtp',
    String(ports['smtp']),
    '--web',
    String(ports['web']),
    '--ip',
    bindHost,
    '--web-ip',
    bindHost,
  ];
  return [...listen, '--mail-directory', stateDir('maildev'), '--max-emails', '1000'];
}
