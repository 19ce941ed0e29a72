import { randomUUID } from 'node:crypto';
import { Channel, TemplateStatus } from '@flotilla/contracts/notification';
import { InstanceFailedSchema } from '@flotilla/contracts/workflow';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Notifications, startNotifications } from './harness.ts';

let service: Notifications;
beforeAll(async () => {
  service = await startNotifications();
});
afterAll(() => service.stop());

test('a template is created, read, changed, listed and deleted, and each step is an event', async () => {
  const created = await service.template('EMAIL');
  expect(await service.templates.getTemplate({ id: created.id })).toEqual(created);
  const changed = await service.templates.updateTemplate({
    id: created.id,
    body: 'Bye {{ name }}',
    etag: created.etag,
  });
  expect(changed).toMatchObject({ body: 'Bye {{ name }}', subject: created.subject, etag: '2' });
  expect((await service.templates.listTemplates({ name: created.name })).templates).toEqual([changed]);
  await service.templates.deleteTemplate({ id: created.id, etag: '2' });
  await expect(service.templates.getTemplate({ id: created.id })).rejects.toMatchObject({
    reason: 'TEMPLATE_NOT_FOUND',
  });
  expect(await service.eventsOf(created.id)).toEqual(['TemplateCreated 1', 'TemplateUpdated 2', 'TemplateDeleted 3']);
});

test('a repeated creation answers the same template, a taken name is refused, a stale ETag changes nothing', async () => {
  const wish = { name: randomUUID(), channel: Channel.IN_APP, body: 'x' };
  const idempotencyKey = randomUUID();
  const first = await service.templates.createTemplate(wish, { idempotencyKey });
  expect(await service.templates.createTemplate(wish, { idempotencyKey })).toEqual(first);
  await expect(service.templates.createTemplate(wish)).rejects.toMatchObject({
    code: 'already_exists',
    reason: 'TEMPLATE_NAME_TAKEN',
  });
  await service.templates.updateTemplate({ id: first.id, body: 'y', etag: first.etag });
  const stale = service.templates.updateTemplate({ id: first.id, body: 'z', etag: first.etag });
  await expect(stale).rejects.toMatchObject({ code: 'aborted', reason: 'REVISION_MISMATCH' });
  expect(await service.templates.getTemplate({ id: first.id })).toMatchObject({ body: 'y' });
});

test.each([
  ['an unclosed tag', { body: '{% if name %}' }, 'TEMPLATE_INVALID'],
  ['an undeclared variable', { body: '{{ secret }}' }, 'TEMPLATE_INVALID'],
  ['a file', { body: '{% include "/etc/passwd" %}' }, 'TEMPLATE_INVALID'],
  ['an e-mail without subject', { subject: '' }, 'TEMPLATE_INVALID'],
  ['sms', { channel: Channel.SMS }, 'CHANNEL_UNAVAILABLE'],
  ['webhook', { channel: Channel.WEBHOOK }, 'CHANNEL_UNAVAILABLE'],
])('%s is refused', async (_, different, reason) => {
  const wish = { name: randomUUID(), channel: Channel.EMAIL, subject: 's', body: 'b', ...different };
  await expect(service.templates.createTemplate(wish)).rejects.toMatchObject({ reason });
});

test('the templates of another tenant do not exist', async () => {
  const template = await service.template('IN_APP');
  const other = await service.as({ tenantId: randomUUID() });
  const missing = { code: 'not_found', reason: 'TEMPLATE_NOT_FOUND' };
  await expect(other.templates.getTemplate({ id: template.id })).rejects.toMatchObject(missing);
  await expect(other.templates.updateTemplate({ id: template.id, body: 'x' })).rejects.toMatchObject(missing);
  await expect(other.templates.deleteTemplate({ id: template.id })).rejects.toMatchObject(missing);
  expect((await other.templates.listTemplates({})).templates).toEqual([]);
});

test('an inactive template sends nothing; one in use is neither deleted nor given other variables', async () => {
  const template = await service.template('IN_APP');
  const subscribe = () =>
    service.subscriptions.createSubscription({
      eventType: InstanceFailedSchema.typeName,
      templateId: template.id,
      variables: { name: 'event.instance.id' },
    });
  const subscription = await subscribe();
  const inUse = { code: 'failed_precondition', reason: 'TEMPLATE_IN_USE' };
  await expect(service.templates.deleteTemplate({ id: template.id })).rejects.toMatchObject(inUse);
  const renamed = service.templates.updateTemplate({
    id: template.id,
    subject: '',
    body: '{{ other }}',
    variables: ['other'],
  });
  await expect(renamed).rejects.toMatchObject(inUse);
  await service.subscriptions.deleteSubscription({ id: subscription.id });
  await service.templates.updateTemplate({ id: template.id, status: TemplateStatus.INACTIVE });
  const inactive = { code: 'failed_precondition', reason: 'TEMPLATE_INACTIVE' };
  await expect(subscribe()).rejects.toMatchObject(inactive);
  const wish = { recipientId: randomUUID(), templateId: template.id, variables: { name: 'x' } };
  await expect(service.notifications.sendNotification(wish)).rejects.toMatchObject(inactive);
  await service.templates.deleteTemplate({ id: template.id });
});

test('a template and its subscription cannot miss each other', async () => {
  for (let round = 0; round < 10; round++) {
    const template = await service.template('IN_APP');
    const answers = await Promise.allSettled([
      service.subscriptions.createSubscription({
        eventType: InstanceFailedSchema.typeName,
        templateId: template.id,
        variables: { name: 'event.instance.id' },
      }),
      service.templates.deleteTemplate({ id: template.id }),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  }
});
