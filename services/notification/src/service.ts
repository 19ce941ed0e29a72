import { NotificationService, SubscriptionService, TemplateService } from '@flotilla/contracts/notification';
import { createConsumer } from '@flotilla/events';
import { implement } from '@flotilla/grpc';
import { type Conflicts, newId } from '@flotilla/postgres';
import { createServiceKit, type KitOptions, type Service } from '@flotilla/service';
import type { Config } from './config.ts';
import type { Schema } from './db/schema.ts';
import { findSubscribedTypes } from './db/subscription-repository.ts';
import { inAppChannel } from './delivery/channel.ts';
import { createDeliveryWorker } from './delivery/delivery-worker.ts';
import { createSmtpChannel } from './delivery/smtp-channel.ts';
import { createTextWriter } from './domain/liquid-text.ts';
import { onAnyEvent } from './events/on-any-event.ts';
import { notifications } from './grpc/notifications.ts';
import { subscriptions } from './grpc/subscriptions.ts';
import { templates } from './grpc/templates.ts';
import { createMeters } from './metrics.ts';

const conflicts: Conflicts = {
  notification_templates_name: ['already_exists', 'TEMPLATE_NAME_TAKEN', 'Another template has this name.'],
};

/** Builds the notification service. Nothing connects or listens before `start`. */
export function createService(config: Config, overrides: Partial<KitOptions> = {}): Service {
  const kit = createServiceKit<Schema>(config, { name: 'notification', conflicts, ...overrides });
  const writer = createTextWriter();
  const now = (): Date => new Date();
  const accepting = { now, newId, writer, maxRetries: config.maxRetries };
  const email = createSmtpChannel(config.smtp);
  const worker = createDeliveryWorker({
    db: kit.db,
    channels: { email, in_app: inAppChannel },
    settling: { now, random: Math.random, backoff: config.backoff },
    log: kit.log,
    meters: createMeters(kit.metrics),
    ...config.delivery,
  });
  const consumer = createConsumer<Schema>({
    db: kit.db,
    transport: kit.transport,
    group: 'notification',
    on: onAnyEvent(accepting),
    // Most events interest nobody; those that do are worth a message that people read, not a race.
    concerns: findSubscribedTypes,
    gatherMs: 200,
    log: kit.log,
    metrics: kit.metrics,
  });

  return kit.service({
    grpc: [
      implement(TemplateService, templates(kit.db, { now, newId, inspect: writer.inspect })),
      implement(NotificationService, notifications(kit.db, accepting, worker.wake)),
      implement(SubscriptionService, subscriptions(kit.db, { now, newId })),
    ],
    components: [
      { name: 'mail', phase: 'transport', stop: async () => email.close() },
      {
        name: 'delivery',
        phase: 'work',
        start: async () => worker.start(),
        stop: (graceMs) => worker.stop(graceMs),
      },
      {
        name: 'consumer',
        phase: 'work',
        start: async () => consumer.start(),
        stop: (graceMs) => consumer.stop(graceMs),
      },
    ],
  });
}
