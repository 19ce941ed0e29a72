import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { topics } from '@flotilla/contracts';
import { AuditService } from '@flotilla/contracts/audit';
import { createKafkaTransport, createRelay, ensureTopics, type Transport } from '@flotilla/events';
import { createGrpcClient, type GrpcClient } from '@flotilla/grpc';
import { createLogger, createMetrics } from '@flotilla/observability';
import { createDatabase, type Database, type Int8 } from '@flotilla/postgres';
import type { RecordedAction } from '@flotilla/service';
import { type TestDatabase, type TestIdentity, testDatabase, testIdentity, testKafka } from '@flotilla/testing';
import { parseConfig } from '../src/config.ts';
import { createService } from '../src/service.ts';

const log = createLogger({ service: 'audit-test', level: 'silent' });
const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The tables of a service whose events and changes the log takes in. */
export interface SourceSchema {
  agents: { id: string; tenant_id: string; name: string; secret: string | null };
  recorded_actions: { id: string; tenant_id: string; event_seq?: Int8 };
}

/** A fresh audit database. */
export const auditDatabase = (): Promise<TestDatabase> =>
  testDatabase({
    service: 'audit',
    domain: 'audit',
    migrations: folder('../src/db/migrations'),
    extensions: ['timescaledb'],
  });

/** The audit service over its own topics, and a service that writes to them. */
export interface AuditUnderTest {
  readonly database: TestDatabase;
  readonly source: { readonly database: TestDatabase; readonly db: Database<SourceSchema> };
  readonly transport: Transport;
  readonly identity: TestIdentity;
  /** What the service recorded as actions. */
  readonly actions: readonly RecordedAction[];
  readonly client: GrpcClient<typeof AuditService>;
  stop(): Promise<void>;
}

/** Starts it on the real servers. */
export async function startAudit(): Promise<AuditUnderTest> {
  const { brokers } = testKafka();
  const prefix = `audit-${randomBytes(4).toString('hex')}-`;
  const shape = { replication: 1, partitions: 3 };
  const [database, sourceDatabase] = await Promise.all([
    auditDatabase(),
    testDatabase({
      service: 'audit-source',
      migrations: folder('./fixtures/source'),
      capture: [{ domain: 'agent', table: 'agents', columns: ['name'] }],
    }),
    ensureTopics(
      brokers,
      topics.map(({ name }) => prefix + name),
      shape,
    ),
  ]);
  const transport = createKafkaTransport({ brokers, clientId: 'audit-test', log, prefix });
  const relay = createRelay({ url: sourceDatabase.relayUrl, transport, log, metrics: createMetrics('source') });
  relay.start();
  const db = createDatabase<SourceSchema>({
    url: sourceDatabase.appUrl,
    maxConnections: 4,
    applicationName: 'audit-source',
    log,
    onCommit: () => relay.wake(),
  });
  const identity = testIdentity();
  const actions: RecordedAction[] = [];
  const service = createService(
    parseConfig({
      AUDIT_GRPC_PORT: '0',
      AUDIT_ADMIN_PORT: '0',
      AUDIT_DATABASE_URL: database.appUrl,
      AUDIT_RELAY_DATABASE_URL: database.relayUrl,
      AUDIT_CLIENT_SECRET: 'a-secret-of-the-audit-service',
      FLOTILLA_KAFKA_BROKERS: brokers.join(','),
      FLOTILLA_KAFKA_PREFIX: prefix,
      FLOTILLA_LOG_LEVEL: 'silent',
    }),
    { verify: identity.verify, recordActions: async (batch) => actions.push(...batch), log },
  );
  const { grpcPort } = await service.start();
  const client = createGrpcClient(AuditService, { address: `127.0.0.1:${grpcPort}` });
  return {
    database,
    source: { database: sourceDatabase, db },
    transport,
    identity,
    actions,
    client,
    stop: async () => {
      client.close();
      await service.stop();
      await relay.stop();
      await transport.close();
      await db.close();
      await Promise.all([database.drop(), sourceDatabase.drop()]);
    },
  };
}
