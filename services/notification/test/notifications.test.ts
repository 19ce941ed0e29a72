import { randomUUID } from 'node:crypto';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Channel, NotificationStatus, Priority } from '@flotilla/contracts/notification';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Notifications, startNotifications } from './harness.ts';

let service: Notifications;
beforeAll(async () => {
  service = await startNotifications();
});
afterAll(() => service.stop());

const address = () => `${randomUUID()}@example.org`;
const later = () => timestampFromDate(new Date(Date.now() + 3_600_000));

test('an e-mail is accepted, sent as plain text and announced', async () => {
  const template = await service.template('EMAIL');
  const recipientAddress = address();
  const accepted = await service.notifications.sendNotification({
    recipientId: randomUUID(),
    recipientAddress,
    templateId: template.id,
    variables: { name: 'Ada\r\nBcc: everybody@example.org' },
    priority: Priority.URGENT,
    metadata: { run: '7' },
  });
  expect(accepted).toMatchObject({
    status: NotificationStatus.PENDING,
    subject: 'Hello Ada Bcc: everybody@example.org',
  });
  const sent = await service.reaches(accepted.id, NotificationStatus.SENT);
  expect(sent).toMatchObject({ retryCount: 0, metadata: { run: '7' }, sendTime: expect.anything() });
  const [mail, ...more] = service.mail.to(recipientAddress);
  expect(more).toEqual([]);
  expect(mail).toMatchObject({ to: [recipientAddress], messageId: `<${accepted.id}@example.org>` });
  expect(mail?.headers).toMatch(/^from: Flotilla <flotilla@example.org>/im);
  expect(mail?.headers).not.toMatch(/^bcc:/im);
  expect(mail?.headers).toMatch(/^content-type: text\/plain/im);
  expect(mail?.text).toContain('Dear Ada');
  expect(service.mail.to('everybody@example.org')).toEqual([]);
  expect(await service.eventsOf(accepted.id)).toEqual(['NotificationAccepted 1', 'NotificationFinished 2']);
});

test('neither addresses nor texts are in events or captured changes', async () => {
  const template = await service.template('EMAIL');
  const [recipientAddress, name] = [address(), `canary ${randomUUID()}`];
  const wish = { recipientId: randomUUID(), recipientAddress, templateId: template.id, variables: { name } };
  const { id } = await service.notifications.sendNotification(wish);
  await service.reaches(id, NotificationStatus.SENT);
  const rowsWith = (text: string) =>
    service.database.query(
      `select 1 from (select payload, change from outbox union all select payload, change from outbox_sent) rows
       where position($1::bytea in coalesce(payload, '')) > 0 or position($2 in change::text) > 0`,
      [Buffer.from(text), text],
    );
  expect(await rowsWith(id)).toHaveLength(2);
  expect(await rowsWith(recipientAddress)).toEqual([]);
  expect(await rowsWith(name)).toEqual([]);
});

test('an in-app message is delivered, found in the inbox of its recipient and read once', async () => {
  const template = await service.template('IN_APP');
  const wish = { recipientId: service.userId, templateId: template.id, variables: { name: 'Ada' } };
  const { id } = await service.notifications.sendNotification(wish);
  await service.reaches(id, NotificationStatus.DELIVERED);
  const unread = async () =>
    (await service.notifications.listNotifications({ unread: true })).notifications.map((each) => each.id);
  expect(await unread()).toContain(id);
  const read = await service.notifications.readNotification({ id });
  expect(read.readTime).toBeDefined();
  expect(await unread()).not.toContain(id);
  expect((await service.notifications.readNotification({ id })).readTime).toEqual(read.readTime);
});

test('users see what is for them and what they sent; a service sees all of the tenant', async () => {
  const template = await service.template('IN_APP');
  const [ada, grace] = [randomUUID(), randomUUID()];
  const asAda = await service.as({ tenantId: service.tenantId, userId: ada });
  const asGrace = await service.as({ tenantId: service.tenantId, userId: grace });
  const asService = await service.as({ tenantId: service.tenantId, serviceName: 'workflow' });
  const wish = { recipientId: grace, templateId: template.id, variables: { name: 'Grace' } };
  const { id } = await asAda.notifications.sendNotification(wish);
  const inbox = async (clients: typeof asAda) =>
    (await clients.notifications.listNotifications({})).notifications.map((each) => each.id);
  expect(await inbox(asGrace)).toEqual([id]);
  expect(await inbox(asAda)).toEqual([]);
  expect(await inbox(asService)).toContain(id);
  await expect(asAda.notifications.getNotification({ id })).resolves.toMatchObject({ id });
  await eventually(() => expect(asGrace.notifications.readNotification({ id })).resolves.toBeDefined());
  await expect(asAda.notifications.readNotification({ id })).rejects.toMatchObject({ code: 'not_found' });
  const missing = { code: 'not_found', reason: 'NOTIFICATION_NOT_FOUND' };
  const stranger = await service.as({ tenantId: service.tenantId });
  await expect(stranger.notifications.getNotification({ id })).rejects.toMatchObject(missing);
  await expect(stranger.notifications.cancelNotification({ id })).rejects.toMatchObject(missing);
  const other = await service.as({ tenantId: randomUUID(), userId: grace });
  await expect(other.notifications.getNotification({ id })).rejects.toMatchObject(missing);
  await expect(other.notifications.sendNotification(wish)).rejects.toMatchObject({ reason: 'TEMPLATE_NOT_FOUND' });
  expect(await inbox(other)).toEqual([]);
});

describe('refusals', () => {
  test.each([
    ['a missing value', {}, 'TEMPLATE_VALUES_WRONG'],
    ['an undeclared value', { name: 'x', other: 'y' }, 'TEMPLATE_VALUES_WRONG'],
    ['a subject that grows too long', { name: 'x'.repeat(600) }, 'TEMPLATE_FAILED'],
  ])('%s', async (_, variables, reason) => {
    const template = await service.template('EMAIL');
    const wish = { recipientId: randomUUID(), recipientAddress: address(), templateId: template.id, variables };
    await expect(service.notifications.sendNotification(wish)).rejects.toMatchObject({
      code: 'invalid_argument',
      reason,
    });
  });

  test('an e-mail without an address, an address that is several', async () => {
    const template = await service.template('EMAIL');
    const wish = { recipientId: randomUUID(), templateId: template.id, variables: { name: 'x' } };
    await expect(service.notifications.sendNotification(wish)).rejects.toMatchObject({
      reason: 'RECIPIENT_ADDRESS_MISSING',
    });
    for (const recipientAddress of [
      'a@example.org, b@example.org',
      'a@example.org\r\nBcc: b@example.org',
      '"x" <a@b>',
    ]) {
      const sending = service.notifications.sendNotification({ ...wish, recipientAddress });
      await expect(sending).rejects.toMatchObject({ code: 'invalid_argument' });
    }
  });

  test('what is bombed is the message, not the service', async () => {
    const body = '{% for a in list %}{% for b in list %}{% for c in list %}{{ a }}{% endfor %}{% endfor %}{% endfor %}';
    const bomb = await service.templates.createTemplate({
      name: randomUUID(),
      channel: Channel.IN_APP,
      body,
      variables: ['list'],
    });
    const list = Array.from({ length: 1_000 }, (_, index) => index);
    const wish = { recipientId: randomUUID(), templateId: bomb.id, variables: { list } };
    await expect(service.notifications.sendNotification(wish)).rejects.toMatchObject({ reason: 'TEMPLATE_FAILED' });
    await expect(service.templates.getTemplate({ id: bomb.id })).resolves.toBeDefined();
  });
});

test('a repeated send is one message', async () => {
  const template = await service.template('EMAIL');
  const recipientAddress = address();
  const wish = { recipientId: randomUUID(), recipientAddress, templateId: template.id, variables: { name: 'x' } };
  const idempotencyKey = randomUUID();
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => service.notifications.sendNotification(wish, { idempotencyKey })),
  );
  expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
  await service.reaches(answers[0]?.id ?? '', NotificationStatus.SENT);
  expect(service.mail.to(recipientAddress)).toHaveLength(1);
});

test('a scheduled one waits and can be cancelled; a sent one is answered as it is', async () => {
  const template = await service.template('IN_APP');
  const wish = { recipientId: randomUUID(), templateId: template.id, variables: { name: 'x' } };
  const waiting = await service.notifications.sendNotification({ ...wish, scheduleTime: later() });
  const sentinel = await service.notifications.sendNotification(wish);
  await service.reaches(sentinel.id, NotificationStatus.DELIVERED);
  expect((await service.notifications.getNotification({ id: waiting.id })).status).toBe(NotificationStatus.PENDING);
  const cancelled = await service.notifications.cancelNotification({ id: waiting.id });
  expect(cancelled.status).toBe(NotificationStatus.CANCELLED);
  expect(await service.eventsOf(waiting.id)).toEqual(['NotificationAccepted 1', 'NotificationFinished 2']);
  const gone = await service.notifications.cancelNotification({ id: sentinel.id });
  expect(gone.status).toBe(NotificationStatus.DELIVERED);
});

describe('revocation', () => {
  async function fleet() {
    const workflow = await service.as({ tenantId: service.tenantId, serviceName: 'workflow' });
    const template = await service.template('EMAIL');
    const recipientAddress = address();
    const wish = { recipientId: randomUUID(), recipientAddress, templateId: template.id, variables: { name: 'x' } };
    const idempotencyKey = `run/${randomUUID()}/notify#1/do`;
    return {
      recipientAddress,
      idempotencyKey,
      send: (more = {}) => service.notifications.sendNotification({ ...wish, ...more }, { idempotencyKey }),
      revoke: () => workflow.notifications.revokeNotification({ idempotencyKey }),
    };
  }
  const revoked = { code: 'failed_precondition', reason: 'IDEMPOTENCY_KEY_REVOKED' };

  test('what waits is withdrawn, and a late repetition is refused instead of answered', async () => {
    const { send, revoke, recipientAddress } = await fleet();
    const scheduleTime = later();
    const { id } = await send({ scheduleTime });
    expect(await revoke()).toMatchObject({ notificationId: id, withdrawn: true });
    expect((await service.notifications.getNotification({ id })).status).toBe(NotificationStatus.CANCELLED);
    await expect(send({ scheduleTime })).rejects.toMatchObject(revoked);
    expect(await revoke()).toMatchObject({ notificationId: id, withdrawn: true });
    expect(service.mail.to(recipientAddress)).toEqual([]);
  });

  test('a revocation that comes first refuses the sending', async () => {
    const { send, revoke } = await fleet();
    expect(await revoke()).toMatchObject({ notificationId: '', withdrawn: true });
    await expect(send()).rejects.toMatchObject(revoked);
  });

  test('what is gone is said to be gone', async () => {
    const { send, revoke } = await fleet();
    const { id } = await send();
    await service.reaches(id, NotificationStatus.SENT);
    expect(await revoke()).toMatchObject({ notificationId: id, withdrawn: false });
    await expect(send()).rejects.toMatchObject(revoked);
  });

  test('however they race, nothing is left waiting after a revocation', async () => {
    for (let round = 0; round < 20; round++) {
      const { send, revoke } = await fleet();
      const scheduleTime = later();
      const [sending, revocation] = await Promise.allSettled([send({ scheduleTime }), revoke()]);
      if (revocation.status === 'rejected') throw revocation.reason;
      expect(revocation.value.withdrawn).toBe(true);
      if (sending.status === 'rejected') expect(sending.reason).toMatchObject(revoked);
      else {
        const { status } = await service.notifications.getNotification({ id: sending.value.id });
        expect(status).toBe(NotificationStatus.CANCELLED);
      }
    }
  });

  test('users cannot revoke', async () => {
    const revoking = service.notifications.revokeNotification({ idempotencyKey: 'x' });
    await expect(revoking).rejects.toMatchObject({ code: 'permission_denied' });
  });
});
