import { type Environment, type EnvironmentReader, parseEnvironment } from '@flotilla/config';
import { type CommonConfig, commonConfig } from '@flotilla/service';
import type { SmtpOptions } from './delivery/smtp-channel.ts';
import type { Backoff } from './domain/notification.ts';

/** What the notification service is started with. Times in milliseconds. */
export interface Config extends CommonConfig {
  readonly smtp: SmtpOptions;
  readonly maxRetries: number;
  readonly backoff: Backoff;
  readonly delivery: { readonly leaseMs: number; readonly pollMs: number; readonly batchSize: number };
}

export const readConfig = (read: EnvironmentReader): Config => ({
  ...commonConfig(read, 'NOTIFICATION', 7405),
  smtp: {
    url: read.url('NOTIFICATION_SMTP_URL', {
      description: 'The mail server: `smtp://user:password@host:port` or `smtps://…`.',
      protocols: ['smtp', 'smtps'],
    }),
    from: read.text('NOTIFICATION_MAIL_FROM', {
      description: 'The sender of e-mails: an address, or `Name <address>`.',
      default: 'Flotilla <flotilla@localhost.localdomain>',
    }),
    timeoutMs: read.integer('NOTIFICATION_SMTP_TIMEOUT_MS', {
      description: 'For connecting to the mail server and for each of its answers.',
      default: 10_000,
      min: 100,
    }),
    maxConnections: read.integer('NOTIFICATION_SMTP_MAX_CONNECTIONS', {
      description: 'Connections to the mail server at most.',
      default: 5,
      min: 1,
    }),
  },
  maxRetries: read.integer('NOTIFICATION_MAX_RETRIES', {
    description: 'Tries after the first.',
    default: 3,
    max: 100,
  }),
  backoff: {
    firstMs: read.integer('NOTIFICATION_RETRY_FIRST_MS', {
      description: 'Wait before the first retry; doubles with each.',
      default: 5_000,
      min: 1,
    }),
    maxMs: read.integer('NOTIFICATION_RETRY_MAX_MS', {
      description: 'The longest wait between two tries.',
      default: 3_600_000,
      min: 1,
    }),
  },
  delivery: {
    leaseMs: read.integer('NOTIFICATION_LEASE_MS', {
      description: 'How long a worker may take for one message; longer, and another one tries.',
      default: 60_000,
      min: 200,
    }),
    pollMs: read.integer('NOTIFICATION_POLL_MS', {
      description: 'How often a worker looks for due messages when nobody wakes it.',
      default: 1_000,
      min: 10,
    }),
    batchSize: read.integer('NOTIFICATION_BATCH_SIZE', {
      description: 'Messages that a worker takes at once.',
      default: 10,
      min: 1,
      max: 1_000,
    }),
  },
});

export const parseConfig = (env: Environment): Config => parseEnvironment(env, readConfig);
