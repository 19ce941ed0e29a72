import { randomUUID } from 'node:crypto';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type Notification, NotificationStatus, type Template } from '@flotilla/contracts/notification';
import { InstanceFailedSchema, InstanceStatus, StepFinishedSchema } from '@flotilla/contracts/workflow';
import { newId } from '@flotilla/postgres';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clients, type Notifications, startNotifications } from './harness.ts';

let service: Notifications;
beforeAll(async () => {
  service = await startNotifications();
});
afterAll(() => service.stop());

const type = InstanceFailedSchema.typeName;
const variables = { name: 'event.instance.workflowSlug + ": " + event.instance.errorReason' };

/** Lets an event of the workflow service happen: through the outbox, the relay and the broker. */
async function happen(event: {
  slug: string;
  createdBy?: string;
  tenantId?: string;
  id?: string;
  instanceId?: string;
  seq?: number;
}): Promise<string> {
  const { slug, createdBy = '', tenantId = service.tenantId, id = newId(), instanceId = newId(), seq = 1 } = event;
  const message: MessageInitShape<typeof InstanceFailedSchema> = {
    instance: { id: instanceId, workflowSlug: slug, status: InstanceStatus.FAILED, errorReason: 'BROKEN', createdBy },
  };
  const payload = toBinary(InstanceFailedSchema, create(InstanceFailedSchema, message));
  await service.database.query(
    `insert into outbox (id, tenant_id, topic, aggregate, aggregate_id, event_seq, type, payload, actor_type, actor_id)
     values ($1, $2, 'flotilla.workflow.v1', 'workflow_instances', $3, $4, $5, $6, 'service', 'workflow')`,
    [id, tenantId, instanceId, seq, type, payload],
  );
  return id;
}

async function inboxOf(clients: Clients): Promise<Notification[]> {
  return (await clients.notifications.listNotifications({})).notifications;
}

const person = async () => {
  const userId = randomUUID();
  return { userId, ...(await service.as({ tenantId: service.tenantId, userId })) };
};

describe('an event that somebody waits for', () => {
  let template: Template;
  beforeAll(async () => {
    template = await service.template('IN_APP');
  });

  test('tells its creator once, however often it is delivered', async () => {
    const owner = await person();
    const slug = `release-${randomUUID()}`;
    const filter = `event.instance.workflowSlug == "${slug}" && event.instance.status == "INSTANCE_STATUS_FAILED"`;
    const wish = { eventType: type, filter, templateId: template.id, variables };
    const subscription = await service.subscriptions.createSubscription(wish);
    const instanceId = newId();
    const id = await happen({ slug, createdBy: owner.userId, instanceId });
    await happen({ slug, createdBy: owner.userId, instanceId, id });
    await happen({ slug: 'another', createdBy: owner.userId, instanceId, seq: 2 });
    await happen({ slug, createdBy: owner.userId, instanceId, seq: 3 });
    await eventually(async () => expect(await inboxOf(owner)).toHaveLength(2), { timeoutMs: 30_000 });
    const [, first] = await inboxOf(owner);
    expect(first).toMatchObject({
      body: `Dear ${slug}: BROKEN.`,
      metadata: { subscriptionId: subscription.id, eventId: id, eventType: type },
    });
    await eventually(async () => {
      for (const each of await inboxOf(owner)) expect(each.status).toBe(NotificationStatus.DELIVERED);
    });
  });

  test('tells a fixed recipient by e-mail', async () => {
    const mailed = await service.template('EMAIL');
    const slug = randomUUID();
    const recipientAddress = `${randomUUID()}@example.org`;
    await service.subscriptions.createSubscription({
      eventType: type,
      filter: `event.instance.workflowSlug == "${slug}"`,
      templateId: mailed.id,
      recipientId: randomUUID(),
      recipientAddress,
      variables,
    });
    await happen({ slug });
    await eventually(() => expect(service.mail.to(recipientAddress)).toHaveLength(1), { timeoutMs: 30_000 });
  });

  test('concerns nobody in another tenant, and nobody after the subscription is removed', async () => {
    const [stranger, owner] = [await service.as({ tenantId: randomUUID() }), await person()];
    const slug = randomUUID();
    const wish = { eventType: type, filter: '', templateId: template.id, variables };
    await expect(stranger.subscriptions.createSubscription(wish)).rejects.toMatchObject({
      reason: 'TEMPLATE_NOT_FOUND',
    });
    const subscription = await service.subscriptions.createSubscription(wish);
    await expect(stranger.subscriptions.getSubscription({ id: subscription.id })).rejects.toMatchObject({
      code: 'not_found',
    });
    const instanceId = newId();
    await happen({ slug, createdBy: owner.userId, instanceId });
    await eventually(async () => expect(await inboxOf(owner)).toHaveLength(1), { timeoutMs: 30_000 });
    await service.subscriptions.deleteSubscription({ id: subscription.id });
    await happen({ slug, createdBy: owner.userId, instanceId, seq: 2 });
    // A later event of the same aggregate, on the same partition, proves that the one before had no effect.
    await service.subscriptions.createSubscription({ ...wish, filter: 'event.instance.workflowSlug == "sentinel"' });
    await happen({ slug: 'sentinel', createdBy: owner.userId, instanceId, seq: 3 });
    await eventually(async () => expect(await inboxOf(owner)).toHaveLength(2), { timeoutMs: 30_000 });
    expect((await inboxOf(owner))[0]?.body).toContain('sentinel');
  });

  test('a wish that does not suit the event fails visibly and holds nothing up', async () => {
    const slug = randomUUID();
    const owner = await person();
    const mine = `event.instance.workflowSlug == "${slug}"`;
    const broken = { name: 'event.instance.nope.x' };
    const wish = { eventType: type, filter: mine, templateId: template.id };
    await owner.subscriptions.createSubscription({ ...wish, variables: broken });
    await owner.subscriptions.createSubscription({ ...wish, variables });
    await happen({ slug, createdBy: owner.userId });
    const inbox = await eventually(
      async () => {
        const all = await inboxOf(owner);
        expect(all).toHaveLength(2);
        return all;
      },
      { timeoutMs: 30_000 },
    );
    const failed = inbox.filter(({ status }) => status === NotificationStatus.FAILED);
    expect(failed).toMatchObject([{ errorMessage: expect.stringContaining('nope') }]);
  });
});

test.each([
  ['an unknown event', { eventType: 'flotilla.workflow.v1.Nope' }, 'EVENT_TYPE_UNKNOWN'],
  [
    'an event of notifications',
    { eventType: 'flotilla.notification.v1.NotificationFinished' },
    'EVENT_TYPE_UNAVAILABLE',
  ],
  ['a broken filter', { filter: 'event.' }, 'EXPRESSION_INVALID'],
  ['a filter that is no condition', { filter: 'event.instance.id.size()' }, 'EXPRESSION_INVALID'],
  ['values that the template does not declare', { variables: { other: '1' } }, 'TEMPLATE_VALUES_WRONG'],
  ['an event that names nobody', { eventType: StepFinishedSchema.typeName }, 'SUBSCRIPTION_RECIPIENT_MISSING'],
])('%s is refused', async (_, different, reason) => {
  const template = await service.template('IN_APP');
  const wish = { eventType: type, filter: '', templateId: template.id, variables, ...different };
  await expect(service.subscriptions.createSubscription(wish)).rejects.toMatchObject({ reason });
});

test('an e-mail subscription needs an address', async () => {
  const template = await service.template('EMAIL');
  const wish = { eventType: type, templateId: template.id, variables };
  await expect(service.subscriptions.createSubscription(wish)).rejects.toMatchObject({
    code: 'failed_precondition',
    reason: 'SUBSCRIPTION_RECIPIENT_MISSING',
  });
});
