import { randomUUID } from 'node:crypto';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { NotificationStatus, Priority } from '@flotilla/contracts/notification';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Notifications, startNotifications } from './harness.ts';

let service: Notifications;
beforeAll(async () => {
  service = await startNotifications({ NOTIFICATION_BATCH_SIZE: '3' });
});
afterAll(() => service.stop());

async function send(different: { priority?: Priority; scheduleTime?: ReturnType<typeof timestampFromDate> } = {}) {
  const template = await service.template('EMAIL');
  const recipientAddress = `${randomUUID()}@example.org`;
  const { id } = await service.notifications.sendNotification({
    recipientId: randomUUID(),
    recipientAddress,
    templateId: template.id,
    variables: { name: 'x' },
    ...different,
  });
  return { id, recipientAddress };
}

test('a mail server that asks for patience gets it, and then the message once', async () => {
  service.mail.refuse('data', 451, 2);
  const { id, recipientAddress } = await send();
  expect(await service.reaches(id, NotificationStatus.SENT)).toMatchObject({ retryCount: 2, errorMessage: '' });
  expect(service.mail.to(recipientAddress)).toHaveLength(1);
});

test('its end belongs to the trace of whoever asked for it', async () => {
  const { id } = await send();
  await service.reaches(id, NotificationStatus.SENT);
  expect(await service.eventsOf(id)).toHaveLength(2);
  expect(await service.tracesOf(id)).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
});

test('after the last retry it has failed, with the answer of the mail server', async () => {
  service.mail.refuse('data', 451, 4);
  const { id, recipientAddress } = await send();
  const failed = await service.reaches(id, NotificationStatus.FAILED);
  expect(failed).toMatchObject({ retryCount: 3, errorMessage: expect.stringContaining('451') });
  expect(service.mail.to(recipientAddress)).toEqual([]);
  expect(await service.eventsOf(id)).toEqual(['NotificationAccepted 1', 'NotificationFinished 2']);
});

test('a refusal for good is not repeated: an unknown recipient bounces, a refused text fails', async () => {
  service.mail.refuse('rcpt', 550, 1);
  const unknown = await send();
  expect(await service.reaches(unknown.id, NotificationStatus.BOUNCED)).toMatchObject({ retryCount: 0 });
  service.mail.refuse('data', 554, 1);
  const refused = await send();
  expect(await service.reaches(refused.id, NotificationStatus.FAILED)).toMatchObject({ retryCount: 0 });
});

test('a mail server that is away or turns us away is tried again', async () => {
  service.mail.refuse('connect', 554, 1);
  const { id } = await send();
  await service.reaches(id, NotificationStatus.SENT);
});

test('four workers send each message once', async () => {
  const replicas = await Promise.all([service.replica(), service.replica(), service.replica()]);
  onTestFinished(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
  });
  const at = timestampFromDate(new Date(Date.now() + 1_500));
  const sent = await Promise.all(Array.from({ length: 30 }, () => send({ scheduleTime: at })));
  await Promise.all(sent.map(({ id }) => service.reaches(id, NotificationStatus.SENT)));
  for (const { recipientAddress } of sent) expect(service.mail.to(recipientAddress)).toHaveLength(1);
});

test('the urgent ones go first', async () => {
  const gate = service.mail.hold();
  const blockers = await Promise.all([send(), send(), send()]);
  await gate.held;
  const low = await Promise.all([
    send({ priority: Priority.LOW }),
    send({ priority: Priority.LOW }),
    send({ priority: Priority.LOW }),
  ]);
  const urgent = await send({ priority: Priority.URGENT });
  const before = service.mail.received.length;
  gate.release();
  await Promise.all([...blockers, ...low, urgent].map(({ id }) => service.reaches(id, NotificationStatus.SENT)));
  const order = service.mail.received.slice(before).flatMap(({ to }) => to);
  const place = (address: string) => order.indexOf(address);
  const places = low.map(({ recipientAddress }) => place(recipientAddress)).sort((a, b) => a - b);
  expect(place(urgent.recipientAddress)).toBeLessThan(places.at(-1) ?? 0);
});

test('what is on its way can no longer be withdrawn, and says so', async () => {
  const gate = service.mail.hold();
  const { id, recipientAddress } = await send();
  await gate.held;
  expect((await service.notifications.cancelNotification({ id })).status).toBe(NotificationStatus.SENDING);
  gate.release();
  await service.reaches(id, NotificationStatus.SENT);
  expect(service.mail.to(recipientAddress)).toHaveLength(1);
});
