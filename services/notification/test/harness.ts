import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import {
  Channel,
  type Notification,
  NotificationService,
  SubscriptionService,
  type Template,
  TemplateService,
} from '@flotilla/contracts/notification';
import { createGrpcClient, type GrpcClient } from '@flotilla/grpc';
import {
  eventually,
  type TestDatabase,
  type TestPrincipal,
  type TestTopics,
  tenant,
  testDatabase,
  testIdentity,
  testTopics,
} from '@flotilla/testing';
import { parseConfig } from '../src/config.ts';
import { createService } from '../src/service.ts';
import { type MailServer, startMailServer } from './mail-server.ts';

export const migrations = fileURLToPath(new URL('../src/db/migrations', import.meta.url));

/** Clients as one principal. */
export interface Clients {
  readonly templates: GrpcClient<typeof TemplateService>;
  readonly notifications: GrpcClient<typeof NotificationService>;
  readonly subscriptions: GrpcClient<typeof SubscriptionService>;
}

/** The service with a database, topics and a mail server of its own. */
export interface Notifications extends Clients {
  readonly database: TestDatabase;
  readonly topics: TestTopics;
  readonly mail: MailServer;
  readonly tenantId: string;
  readonly userId: string;
  as(principal: TestPrincipal): Promise<Clients>;
  /** Another process on the same database. */
  replica(env?: Record<string, string>): Promise<{ stop(): Promise<void> }>;
  template(channel: keyof typeof Channel, different?: { subject?: string; body?: string }): Promise<Template>;
  /** The notification, once it has this status. */
  reaches(id: string, status: Notification['status']): Promise<Notification>;
  eventsOf(aggregateId: string): Promise<readonly string[]>;
  /** The trace ids of its events, each once. */
  tracesOf(aggregateId: string): Promise<readonly string[]>;
  stop(): Promise<void>;
}

export async function startNotifications(env: Record<string, string> = {}): Promise<Notifications> {
  const database = await testDatabase({ service: 'notification', domain: 'notification', migrations });
  const topics = await testTopics();
  const mail = await startMailServer();
  const identity = testIdentity();
  const tenantId = tenant();
  const userId = randomUUID();
  const open: { close(): void }[] = [];

  async function start(different: Record<string, string> = {}) {
    const config = parseConfig({
      NOTIFICATION_GRPC_PORT: '0',
      NOTIFICATION_ADMIN_PORT: '0',
      NOTIFICATION_DATABASE_URL: database.appUrl,
      NOTIFICATION_RELAY_DATABASE_URL: database.relayUrl,
      NOTIFICATION_CLIENT_SECRET: 'not-used-in-these-tests',
      NOTIFICATION_SMTP_URL: mail.url,
      NOTIFICATION_MAIL_FROM: 'Flotilla <flotilla@example.org>',
      NOTIFICATION_RETRY_FIRST_MS: '20',
      NOTIFICATION_RETRY_MAX_MS: '100',
      NOTIFICATION_POLL_MS: '50',
      FLOTILLA_KAFKA_BROKERS: topics.brokers.join(','),
      FLOTILLA_KAFKA_PREFIX: topics.prefix,
      FLOTILLA_LOG_LEVEL: 'silent',
      FLOTILLA_SHUTDOWN_GRACE_MS: '4000',
      ...env,
      ...different,
    });
    const service = createService(config, { verify: identity.verify, recordActions: async () => undefined });
    return { service, ...(await service.start()) };
  }

  const { service, grpcPort } = await start();

  async function as(principal: TestPrincipal): Promise<Clients> {
    const token = await identity.token({ ttlMs: 600_000, ...principal });
    const options = { address: `127.0.0.1:${grpcPort}`, token: () => token, deadlineMs: 30_000 };
    const templates = createGrpcClient(TemplateService, options);
    const notifications = createGrpcClient(NotificationService, options);
    const subscriptions = createGrpcClient(SubscriptionService, options);
    open.push(templates, notifications, subscriptions);
    return { templates, notifications, subscriptions };
  }

  const own = await as({ tenantId, userId });
  return {
    ...own,
    database,
    topics,
    mail,
    tenantId,
    userId,
    as,
    async replica(different) {
      const other = await start(different);
      return { stop: () => other.service.stop() };
    },
    template: (channel, different = {}) =>
      own.templates.createTemplate({
        name: randomUUID(),
        channel: Channel[channel],
        subject: 'Hello {{ name }}',
        body: 'Dear {{ name }}.',
        variables: ['name'],
        ...different,
      }),
    reaches: (id, status) =>
      eventually(
        async () => {
          const notification = await own.notifications.getNotification({ id });
          if (notification.status !== status)
            throw new Error(`status ${notification.status}: ${notification.errorMessage}`);
          return notification;
        },
        { timeoutMs: 60_000 },
      ),
    async eventsOf(aggregateId) {
      const rows = await database.query<{ event: string }>(
        `select type || ' ' || event_seq as event from (
           select type, event_seq from outbox where aggregate_id = $1 and event_seq is not null
           union select type, event_seq from outbox_sent where aggregate_id = $1 and event_seq is not null
         ) events order by event_seq`,
        [aggregateId],
      );
      return rows.map(({ event }) => event.replace('flotilla.notification.v1.', ''));
    },
    async tracesOf(aggregateId) {
      const rows = await database.query<{ trace: string }>(
        `select distinct split_part(traceparent, '-', 2) as trace from (
           select traceparent from outbox where aggregate_id = $1
           union select traceparent from outbox_sent where aggregate_id = $1
         ) events`,
        [aggregateId],
      );
      return rows.map(({ trace }) => trace);
    },
    async stop() {
      for (const client of open) client.close();
      await service.stop();
      await mail.stop();
      await topics.drop();
      await database.drop();
    },
  };
}
