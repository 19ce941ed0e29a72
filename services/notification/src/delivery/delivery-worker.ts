import { setTimeout as pause } from 'node:timers/promises';
import { abortAfter } from '@flotilla/grpc';
import type { Logger } from '@flotilla/observability';
import type { Database } from '@flotilla/postgres';
import { type SettleAttempt, settleAttempt } from '../commands/settle-attempt.ts';
import { claimDueNotifications, findLeased, type Lease } from '../db/delivery-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { Attempt, Notification } from '../domain/notification.ts';
import type { Channel } from '../domain/template.ts';
import type { Meters } from '../metrics.ts';
import type { DeliveryChannel } from './channel.ts';

/** What a worker is made with. Times in milliseconds. */
export interface DeliveryWorkerOptions {
  readonly db: Database<Schema>;
  readonly channels: Readonly<Partial<Record<Channel, DeliveryChannel>>>;
  readonly settling: SettleAttempt;
  readonly log: Logger;
  readonly meters: Meters;
  /** How long a worker may take for one; longer, and another one tries. */
  readonly leaseMs: number;
  /** How often it looks when nobody wakes it. */
  readonly pollMs: number;
  readonly batchSize: number;
}

/** Sends what is due. Any number of workers may run. */
export interface DeliveryWorker {
  start(): void;
  /** Finishes what is on its way, within the grace. */
  stop(graceMs: number): Promise<void>;
  /** Something may be due. */
  wake(): void;
}

/**
 * Takes due notifications under a lease, sends them outside of any transaction, and settles. A process that dies
 * between sending and settling leaves a lease that ends: the message is sent once more, with the same Message-ID.
 */
export function createDeliveryWorker(options: DeliveryWorkerOptions): DeliveryWorker {
  const { db, channels, settling, log, meters, leaseMs, pollMs, batchSize } = options;
  const actor = { type: 'service', id: 'notification' } as const;
  let running: Promise<void> | undefined;
  let stopping = false;
  let woken = Promise.withResolvers<void>();
  const cutOff = new AbortController();

  async function run(): Promise<void> {
    while (!stopping) {
      const taken = await deliverDue().catch((error: unknown) => {
        log.warn({ err: error }, 'notifications could not be taken');
        return 0;
      });
      if (taken === 0) await idle();
    }
  }

  async function idle(): Promise<void> {
    const waiting = new AbortController();
    // Rejects only by the abort below, when somebody woke us first.
    await Promise.race([woken.promise, pause(pollMs, undefined, { signal: waiting.signal }).catch(() => undefined)]);
    waiting.abort();
    woken = Promise.withResolvers<void>();
  }

  async function deliverDue(): Promise<number> {
    const leases = await db.withoutTenant((tx) => claimDueNotifications(tx, { limit: batchSize, leaseMs }));
    const results = await Promise.allSettled(leases.map(deliverOne));
    for (const result of results) {
      if (result.status === 'rejected') log.warn({ err: result.reason }, 'a notification could not be settled');
    }
    return leases.length;
  }

  async function deliverOne(lease: Lease): Promise<void> {
    const traced = lease.traceparent === '' ? {} : { traceparent: lease.traceparent };
    const scope = { tenantId: lease.tenantId, actor, ...traced };
    // A little before the lease ends, so that two workers do not send at the same time.
    const { signal, clear } = abortAfter(cutOff.signal, leaseMs * 0.8, () => new Error('The lease is about to end.'));
    try {
      const notification = await db.inTenant(scope, (tx) => findLeased(tx, lease));
      if (notification === undefined) return;
      const attempt = await attemptTo(notification, signal);
      await db.inTenant(scope, (tx) => settleAttempt(settling, tx, lease, attempt));
      meters.attempts.inc({ channel: notification.channel, result: attempt.result });
      if (attempt.result !== 'sent' && attempt.result !== 'delivered') {
        log.info({ notificationId: notification.id, result: attempt.result }, 'a notification was not taken');
      }
    } finally {
      clear();
    }
  }

  async function attemptTo(notification: Notification, signal: AbortSignal): Promise<Attempt> {
    // A lease that ended without being settled counts as a retry: a message that kills its sender comes to an end.
    if (notification.retryCount > notification.maxRetries) {
      return { result: 'refused', reason: 'Sending was interrupted too often.' };
    }
    const channel = channels[notification.channel];
    if (channel === undefined) {
      return { result: 'refused', reason: `The channel ${notification.channel} is not available.` };
    }
    return channel.deliver(notification, signal);
  }

  return {
    start() {
      running ??= run();
    },
    async stop(graceMs) {
      stopping = true;
      woken.resolve();
      const timer = setTimeout(() => cutOff.abort(), graceMs);
      await running;
      clearTimeout(timer);
    },
    wake: () => woken.resolve(),
  };
}
