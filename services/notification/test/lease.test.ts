import { randomUUID } from 'node:crypto';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { NotificationStatus } from '@flotilla/contracts/notification';
import { createLogger } from '@flotilla/observability';
import { createDatabase } from '@flotilla/postgres';
import { eventually } from '@flotilla/testing';
import { expect, onTestFinished, test } from 'vitest';
import { settleAttempt } from '../src/commands/settle-attempt.ts';
import { claimDueNotifications } from '../src/db/delivery-repository.ts';
import type { Schema } from '../src/db/schema.ts';
import { startNotifications } from './harness.ts';

test('whoever lost the lease settles nothing; whoever holds it does', async () => {
  const service = await startNotifications({ NOTIFICATION_POLL_MS: '3600000' });
  onTestFinished(() => service.stop());
  const log = createLogger({ service: 'test', level: 'silent' });
  const db = createDatabase<Schema>({ url: service.database.appUrl, maxConnections: 2, applicationName: 'test', log });
  onTestFinished(() => db.close());
  const template = await service.template('IN_APP');
  const { id } = await service.notifications.sendNotification({
    recipientId: randomUUID(),
    templateId: template.id,
    variables: { name: 'x' },
    scheduleTime: timestampFromDate(new Date(Date.now() + 300)),
  });
  const claim = (leaseMs: number) =>
    eventually(async () => {
      const [lease] = await db.withoutTenant((tx) => claimDueNotifications(tx, { limit: 10, leaseMs }));
      if (lease === undefined) throw new Error('nothing is due');
      return lease;
    });
  const settling = { now: () => new Date(), random: () => 0, backoff: { firstMs: 1, maxMs: 1 } };
  const scope = { tenantId: service.tenantId, actor: { type: 'service', id: 'notification' } };
  const status = async () => (await service.notifications.getNotification({ id })).status;

  const lost = await claim(50);
  const held = await claim(60_000);
  expect(held.notificationId).toBe(lost.notificationId);
  expect(await db.withoutTenant((tx) => claimDueNotifications(tx, { limit: 10, leaseMs: 50 }))).toEqual([]);
  await db.inTenant(scope, (tx) => settleAttempt(settling, tx, lost, { result: 'refused', reason: 'late' }));
  expect(await status()).toBe(NotificationStatus.SENDING);
  await db.inTenant(scope, (tx) => settleAttempt(settling, tx, held, { result: 'delivered' }));
  expect(await status()).toBe(NotificationStatus.DELIVERED);
  await db.inTenant(scope, (tx) => settleAttempt(settling, tx, held, { result: 'refused', reason: 'twice' }));
  expect(await service.notifications.getNotification({ id })).toMatchObject({
    status: NotificationStatus.DELIVERED,
    retryCount: 1,
  });
});

test('a mail server that does not answer is given up before the lease ends, and tried again', async () => {
  const service = await startNotifications({ NOTIFICATION_LEASE_MS: '1000', NOTIFICATION_MAX_RETRIES: '50' });
  onTestFinished(() => service.stop());
  const template = await service.template('EMAIL');
  const recipientAddress = `${randomUUID()}@example.org`;
  const gate = service.mail.hold();
  const { id } = await service.notifications.sendNotification({
    recipientId: randomUUID(),
    recipientAddress,
    templateId: template.id,
    variables: { name: 'x' },
  });
  await gate.held;
  await eventually(
    async () => expect((await service.notifications.getNotification({ id })).retryCount).toBeGreaterThan(0),
    { timeoutMs: 30_000 },
  );
  gate.release();
  await service.reaches(id, NotificationStatus.SENT);
  expect(new Set(service.mail.to(recipientAddress).map(({ messageId }) => messageId)).size).toBe(1);
});
