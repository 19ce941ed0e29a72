import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { NotificationStatus } from '@flotilla/contracts/notification';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Notifications, startNotifications } from '../harness.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

let service: Notifications;
beforeAll(async () => {
  // Looks for due messages only when one is accepted: the process under test is the one that sends.
  service = await startNotifications({ NOTIFICATION_POLL_MS: '3600000' });
});
afterAll(() => service.stop());

function spawnWorker(): ChildProcess {
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
    stdio: 'inherit',
    env: {
      ...process.env,
      NOTIFICATION_GRPC_PORT: '0',
      NOTIFICATION_ADMIN_PORT: '0',
      NOTIFICATION_DATABASE_URL: service.database.appUrl,
      NOTIFICATION_RELAY_DATABASE_URL: service.database.relayUrl,
      NOTIFICATION_CLIENT_SECRET: 'not-used-in-these-tests',
      NOTIFICATION_SMTP_URL: service.mail.url,
      NOTIFICATION_MAIL_FROM: 'Flotilla <flotilla@example.org>',
      NOTIFICATION_LEASE_MS: '3000',
      NOTIFICATION_POLL_MS: '50',
      FLOTILLA_KAFKA_BROKERS: service.topics.brokers.join(','),
      FLOTILLA_KAFKA_PREFIX: service.topics.prefix,
      FLOTILLA_LOG_LEVEL: 'silent',
    },
  });
}

test('a process killed between sending and settling: sent again, as the same message', async () => {
  const template = await service.template('EMAIL');
  const recipientAddress = `${randomUUID()}@example.org`;
  const { id } = await service.notifications.sendNotification({
    recipientId: randomUUID(),
    recipientAddress,
    templateId: template.id,
    variables: { name: 'x' },
    scheduleTime: timestampFromDate(new Date(Date.now() + 1_000)),
  });
  const gate = service.mail.hold();
  const victim = spawnWorker();
  await gate.held;
  victim.kill('SIGKILL');
  gate.release();
  expect((await service.notifications.getNotification({ id })).status).toBe(NotificationStatus.SENDING);

  const successor = spawnWorker();
  try {
    const sent = await service.reaches(id, NotificationStatus.SENT);
    expect(sent.retryCount).toBe(1);
    const mails = service.mail.to(recipientAddress);
    expect(mails).toHaveLength(2);
    expect(new Set(mails.map(({ messageId }) => messageId))).toEqual(new Set([`<${id}@example.org>`]));
    expect(await service.eventsOf(id)).toEqual(['NotificationAccepted 1', 'NotificationFinished 2']);
  } finally {
    successor.kill('SIGKILL');
  }
});
