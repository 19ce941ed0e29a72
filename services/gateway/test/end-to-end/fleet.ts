import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { parseConfig as parseAudit } from '@flotilla/audit-service/config';
import { createService as createAudit } from '@flotilla/audit-service/service';
import { topics } from '@flotilla/contracts';
import { ensureTopics } from '@flotilla/events';
import { parseConfig as parseIdentity } from '@flotilla/identity-service/config';
import { createService as createIdentity } from '@flotilla/identity-service/service';
import { generateSigningKeys, hashSecret } from '@flotilla/secrets';
import { testDatabase, testKafkaBrokers, testRedisUrl } from '@flotilla/testing';
import { parseConfig } from '../../src/config.ts';
import { createService } from '../../src/service.ts';

const migrationsOf = (service: string): string =>
  fileURLToPath(new URL(`../../../${service}/src/db/migrations`, import.meta.url));
const secretOf = (service: string): string => `the-client-secret-of-${service}`;
const freePorts = (service: string) => ({ [`${service}_GRPC_PORT`]: '0', [`${service}_ADMIN_PORT`]: '0' });

/** The gateway in front of the real identity and audit services, over real servers. */
export interface SmallFleet {
  readonly url: string;
  readonly adminKey: string;
  readonly adminPassword: string;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  stop(): Promise<void>;
}

/** What a request says. */
export interface CallOptions {
  readonly body?: unknown;
  readonly key?: string;
  readonly headers?: Record<string, string>;
}

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever shape the route has.
  readonly body: any;
}

/** Starts it. */
export async function startSmallFleet(env: Readonly<Record<string, string>> = {}): Promise<SmallFleet> {
  const prefix = `${randomUUID()}.`;
  const brokers = testKafkaBrokers();
  const [identityDatabase, auditDatabase] = await Promise.all([
    testDatabase({ service: 'identity', domain: 'identity', migrations: migrationsOf('identity') }),
    testDatabase({ service: 'audit', domain: 'audit', migrations: migrationsOf('audit'), extensions: ['timescaledb'] }),
    ensureTopics(
      brokers,
      topics.map(({ name }) => prefix + name),
      { replication: 1, partitions: 1 },
    ),
  ]);
  const shared = {
    FLOTILLA_KAFKA_BROKERS: brokers.join(','),
    FLOTILLA_KAFKA_PREFIX: prefix,
    FLOTILLA_REDIS_URL: testRedisUrl(),
    FLOTILLA_LOG_LEVEL: 'silent',
    FLOTILLA_SHUTDOWN_GRACE_MS: '3000',
    ...env,
  };
  const adminKey = `flk_${randomUUID().replaceAll('-', '')}`;
  const adminPassword = `password-${randomUUID()}`;
  const callers = ['audit', 'gateway'].map((service) => `${service}:${hashSecret(secretOf(service))}`).join(',');
  const identity = createIdentity(
    parseIdentity({
      ...shared,
      ...freePorts('IDENTITY'),
      IDENTITY_DATABASE_URL: identityDatabase.appUrl,
      IDENTITY_RELAY_DATABASE_URL: identityDatabase.relayUrl,
      IDENTITY_CLIENT_SECRET: secretOf('identity'),
      IDENTITY_SIGNING_KEYS: generateSigningKeys(),
      IDENTITY_SERVICE_CREDENTIALS: callers,
      IDENTITY_BOOTSTRAP_ADMIN_EMAIL: 'admin@flotilla.example',
      IDENTITY_BOOTSTRAP_ADMIN_PASSWORD: adminPassword,
      IDENTITY_BOOTSTRAP_API_KEY: adminKey,
    }),
  );
  const identityAddress = `127.0.0.1:${(await identity.start()).grpcPort}`;
  const audit = createAudit(
    parseAudit({
      ...shared,
      ...freePorts('AUDIT'),
      AUDIT_DATABASE_URL: auditDatabase.appUrl,
      AUDIT_RELAY_DATABASE_URL: auditDatabase.relayUrl,
      AUDIT_CLIENT_SECRET: secretOf('audit'),
      FLOTILLA_IDENTITY_ADDRESS: identityAddress,
    }),
  );
  const auditAddress = `127.0.0.1:${(await audit.start()).grpcPort}`;
  const gateway = createService(
    parseConfig({
      ...shared,
      GATEWAY_HTTP_PORT: '0',
      GATEWAY_ADMIN_PORT: '0',
      GATEWAY_CLIENT_SECRET: secretOf('gateway'),
      FLOTILLA_IDENTITY_ADDRESS: identityAddress,
      FLOTILLA_AUDIT_ADDRESS: auditAddress,
    }),
  );
  const url = `http://127.0.0.1:${(await gateway.start()).httpPort}`;
  return {
    url,
    adminKey,
    adminPassword,
    call: async (method, path, { body, key, headers = {} } = {}) => {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
    },
    stop: async () => {
      await gateway.stop();
      await audit.stop();
      await identity.stop();
      await Promise.all([identityDatabase.drop(), auditDatabase.drop()]);
    },
  };
}
