import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { type DescMessage, fromBinary, type MessageInitShape, type MessageShape, toJson } from '@bufbuild/protobuf';
import { registry } from '@flotilla/contracts';
import {
  ApiKeyService,
  type ExchangeTokenRequestSchema,
  SessionService,
  TenantService,
  TokenService,
  UserService,
} from '@flotilla/contracts/identity';
import { ensureTopics } from '@flotilla/events';
import { createGrpcClient, type GrpcClient } from '@flotilla/grpc';
import { createLogger } from '@flotilla/observability';
import { generateSigningKeys, hashSecret } from '@flotilla/secrets';
import { testDatabase, testKafkaBrokers } from '@flotilla/testing';
import { type Config, parseConfig } from '../src/config.ts';
import { createService } from '../src/service.ts';

export const serviceSecret = 'secret-of-workflow-0123';
export const bootstrapKey = 'flk_bootstrapbootstrapbootstrapbootstrap';
export const adminPassword = 'admin-canary-password';

/** One running identity service on a database of its own, and whatever a test wants to call or look at. */
export async function startIdentity(changes: Partial<Config> = {}) {
  const database = await testDatabase({
    service: 'identity',
    domain: 'identity',
    migrations: fileURLToPath(new URL('../src/db/migrations', import.meta.url)),
  });
  const kafkaPrefix = `${randomUUID()}.`;
  await ensureTopics(
    testKafkaBrokers(),
    ['flotilla.identity.v1', 'flotilla.identity.changes.v1'].map((topic) => kafkaPrefix + topic),
    { replication: 1, partitions: 1 },
  );
  const lines: string[] = [];
  const config: Config = {
    ...parseConfig({
      IDENTITY_GRPC_PORT: '0',
      IDENTITY_ADMIN_PORT: '0',
      IDENTITY_DATABASE_URL: database.appUrl,
      IDENTITY_RELAY_DATABASE_URL: database.relayUrl,
      IDENTITY_CLIENT_SECRET: 'secret-of-identity-0123',
      FLOTILLA_KAFKA_BROKERS: testKafkaBrokers().join(','),
      FLOTILLA_KAFKA_PREFIX: kafkaPrefix,
      IDENTITY_SIGNING_KEYS: generateSigningKeys(),
      IDENTITY_SERVICE_CREDENTIALS: `workflow:${hashSecret(serviceSecret)},gateway:${hashSecret(serviceSecret)}`,
      IDENTITY_BOOTSTRAP_ADMIN_EMAIL: 'admin@flotilla.example',
      IDENTITY_BOOTSTRAP_ADMIN_PASSWORD: adminPassword,
      IDENTITY_BOOTSTRAP_API_KEY: bootstrapKey,
      FLOTILLA_SHUTDOWN_GRACE_MS: '5000',
    }),
    ...changes,
  };
  let offsetMs = 0;
  const now = () => new Date(Date.now() + offsetMs);
  const start = async (others: Partial<Config> = {}) => {
    const log = createLogger({
      service: 'identity',
      level: 'debug',
      destination: { write: (line) => void lines.push(line) },
    });
    const service = createService({ ...config, ...others }, { now, log });
    const { grpcPort, adminPort } = await service.start();
    const here = `127.0.0.1:${grpcPort}`;
    return { service, address: here, adminPort, tokens: createGrpcClient(TokenService, { address: here }) };
  };
  const { service, address, adminPort, tokens } = await start();
  const clients: { close(): void }[] = [tokens];
  const clientOf = <S extends Parameters<typeof createGrpcClient>[0]>(of: S, token?: string): GrpcClient<S> => {
    const client = createGrpcClient(of, { address, token: token === undefined ? undefined : () => token });
    clients.push(client);
    return client;
  };

  const exchange = async (credential: NonNullable<MessageInitShape<typeof ExchangeTokenRequestSchema>['credential']>) =>
    (await tokens.exchangeToken({ credential })).token;
  const serviceToken = (tenantId = '', name = 'workflow') =>
    exchange({ case: 'service', value: { name, secret: serviceSecret, tenantId } });

  /** A fresh tenant with an administrator who is logged in. */
  async function newTenant() {
    const operator = await exchange({ case: 'apiKey', value: bootstrapKey });
    const slug = `t-${randomUUID().slice(0, 13)}`;
    const admin = { email: 'admin@example.com', password: 'correct horse battery' };
    const created = await clientOf(TenantService, operator).createTenant({
      name: 'Tenant',
      slug,
      adminEmail: admin.email,
      adminPassword: admin.password,
    });
    const login = async (email = admin.email, password = admin.password) =>
      (await clientOf(SessionService).login({ tenantSlug: slug, email, password })).sessionToken;
    const sessionToken = await login();
    const token = await exchange({ case: 'sessionToken', value: sessionToken });
    return {
      id: created.tenant?.id ?? '',
      slug,
      adminUserId: created.adminUserId,
      admin,
      login,
      sessionToken,
      token,
      tenants: clientOf(TenantService, token),
      users: clientOf(UserService, token),
      keys: clientOf(ApiKeyService, token),
    };
  }

  /** Everything that was or is to be published, oldest first. */
  async function events(tenantId?: string) {
    const rows = await database.query<{ type: string; payload: Buffer | null; change: unknown; event_seq: bigint }>(
      `select type, payload, change, event_seq from (
         select seq, tenant_id, type, payload, change, event_seq from outbox
         union all select seq, tenant_id, type, payload, change, event_seq from outbox_sent) as every_event
       where $1::uuid is null or tenant_id = $1::uuid order by seq`,
      [tenantId ?? null],
    );
    return rows.map(({ type, payload, change }) => ({
      type: type.split('.').at(-1) ?? '',
      message: payload === null ? change : toPlain(type, payload),
    }));
  }

  return {
    address,
    adminPort,
    config,
    database,
    lines,
    start,
    clientOf,
    tokens,
    exchange,
    serviceToken,
    newTenant,
    events,
    now,
    /** Moves the service's clock. */
    advance: (ms: number) => {
      offsetMs += ms;
    },
    async stop() {
      for (const client of clients) client.close();
      await service.stop();
      await database.drop();
    },
  };
}

function toPlain(type: string, payload: Uint8Array): unknown {
  const schema = registry.getMessage(type) as DescMessage;
  const message: MessageShape<DescMessage> = fromBinary(schema, payload);
  return toJson(schema, message, { registry });
}
