import { randomUUID } from 'node:crypto';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { type Firing, FiringStatus, InstanceStatus, TriggerKind, TriggerStatus } from '@flotilla/contracts/workflow';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { signDelivery } from '../src/domain/webhook-signature.ts';
import { startWorkflow, type WorkflowHarness } from './harness.ts';

const quick = (output: string) => ({
  steps: [{ id: 'route', kind: 'decision', cases: [{ when: 'true', next: '$end' }], default: { next: '$end' } }],
  output: { got: output },
});

let fleet: WorkflowHarness;
let workflowId: string;
beforeAll(async () => {
  fleet = await startWorkflow();
  workflowId = await fleet.activate(quick('${input}'));
});
afterAll(() => fleet.stop());

const firingsOf = async (triggerId: string): Promise<readonly Firing[]> =>
  (await fleet.triggers.listTriggerFirings({ triggerId, pageSize: 200 })).firings;
const settled = (triggerId: string, count: number) =>
  eventually(
    async () => {
      const firings = await firingsOf(triggerId);
      expect(firings.map(({ status }) => status)).not.toContain(FiringStatus.PENDING);
      expect(firings.length).toBeGreaterThanOrEqual(count);
      return firings;
    },
    { timeoutMs: 30_000 },
  );
const outputOf = async (firing: Firing | undefined) => (await fleet.ended(firing?.instanceId ?? '')).output;
const onEvent = (eventType: string, different: { filter?: string; inputMapping?: Record<string, string> } = {}) =>
  fleet.triggers.createTrigger({ workflowId, name: 'E', kind: TriggerKind.EVENT, eventType, ...different });

test('an event of the tenant starts a run of those triggers whose filter says so', async () => {
  const slug = `w-${randomUUID()}`;
  const filter = `event.workflow.slug == '${slug}'`;
  const created = 'flotilla.workflow.v1.WorkflowCreated';
  const { trigger: mine } = await onEvent(created, { filter, inputMapping: { slug: 'event.workflow.slug' } });
  const { trigger: other } = await onEvent(created, { filter: `event.workflow.slug == 'other'` });
  const { trigger: failing } = await onEvent(created, { filter: `${filter} && event.workflow.name.missing` });
  const stranger = await fleet.as(fleet.address, { tenantId: randomUUID() });
  await stranger.workflows.createWorkflow({ name: 'Theirs', slug, definition: quick('') });
  await fleet.workflows.createWorkflow({ name: 'Ours', slug, definition: quick('') });
  const [firing, ...more] = await settled(mine?.id ?? '', 1);
  expect(more).toEqual([]); // nothing of the stranger’s
  expect(await outputOf(firing)).toEqual({ got: { slug } });
  expect(await firingsOf(other?.id ?? '')).toEqual([]);
  expect(await settled(failing?.id ?? '', 1)).toMatchObject([
    { status: FiringStatus.FAILED, errorReason: 'EXPRESSION_FAILED' },
  ]);
  expect(await fleet.triggers.getTrigger({ id: mine?.id ?? '' })).toMatchObject({ runCount: 1, failureCount: 0 });
  expect(await fleet.triggers.getTrigger({ id: failing?.id ?? '' })).toMatchObject({
    failureCount: 1,
    lastErrorReason: 'EXPRESSION_FAILED',
  });
  await expect(stranger.triggers.getTrigger({ id: mine?.id ?? '' })).rejects.toMatchObject({
    reason: 'TRIGGER_NOT_FOUND',
  });
  stranger.close();
});

test('runs that trigger themselves come to an end', async () => {
  const loop = await fleet.activate(quick('${input}'));
  const { trigger } = await fleet.triggers.createTrigger({
    workflowId: loop,
    name: 'Loop',
    kind: TriggerKind.EVENT,
    eventType: 'flotilla.workflow.v1.InstanceCompleted',
    filter: `event.instance.workflowId == '${loop}'`,
  });
  const id = trigger?.id ?? '';
  await fleet.start(loop);
  const firings = await eventually(
    async () => {
      const known = await firingsOf(id);
      if (!known.some(({ status }) => status === FiringStatus.FAILED)) throw new Error(`${known.length} so far`);
      return known;
    },
    { timeoutMs: 60_000 },
  );
  expect(firings[0]).toMatchObject({ status: FiringStatus.FAILED, errorReason: 'CAUSATION_TOO_DEEP' });
  expect(firings).toHaveLength(17);
});

test('runs that start themselves by a call come to an end, too', async () => {
  const loop = await fleet.activate({
    steps: [{ id: 'ask', kind: 'agent', agentId: randomUUID(), prompt: 'again' }],
  });
  const refusals: unknown[] = [];
  const well = fleet.neighbours.script;
  fleet.neighbours.script = {
    ...well,
    // The agent starts a run of the workflow that asks it: over gRPC, as a tool of it would.
    async execute(prompt, call) {
      await fleet.instances.startInstance({ workflowId: loop }).catch((error: unknown) => refusals.push(error));
      return well.execute(prompt, call);
    },
  };
  await fleet.instances.startInstance({ workflowId: loop });
  await eventually(async () => expect(refusals).toHaveLength(1), { timeoutMs: 60_000 });
  fleet.neighbours.script = well;
  expect(refusals[0]).toMatchObject({ code: 'failed_precondition', reason: 'CAUSATION_TOO_DEEP' });
  const depths = await fleet.database.query<{ depth: number }>(
    `select causation_depth as depth from workflow_instances where workflow_id = '${loop}' order by id`,
  );
  expect(depths.map(({ depth }) => depth)).toEqual(Array.from({ length: 17 }, (_, depth) => depth));
});

test('a trigger that is called starts a run; a disabled one does not', async () => {
  const { trigger } = await fleet.triggers.createTrigger({ workflowId, name: 'A', kind: TriggerKind.API });
  const id = trigger?.id ?? '';
  const call = () => fleet.triggers.fireTrigger({ id, input: { n: 1 } }, { idempotencyKey: 'once' });
  expect((await call()).id).toBe((await call()).id);
  const [firing] = await settled(id, 1);
  expect(await outputOf(firing)).toEqual({ got: { n: 1 } });
  expect(await fleet.triggers.disableTrigger({ id })).toMatchObject({ status: TriggerStatus.DISABLED });
  await expect(fleet.triggers.fireTrigger({ id })).rejects.toMatchObject({ reason: 'TRIGGER_DISABLED' });
  expect(await fleet.triggers.enableTrigger({ id })).toMatchObject({ status: TriggerStatus.ENABLED });
  await fleet.triggers.deleteTrigger({ id });
  await expect(fleet.triggers.getTrigger({ id })).rejects.toMatchObject({ reason: 'TRIGGER_NOT_FOUND' });
});

test('a webhook is taken once, by its id, when it is signed and fresh; its secret is stored sealed', async () => {
  const { trigger, webhookSecret } = await fleet.triggers.createTrigger({
    workflowId,
    name: 'W',
    kind: TriggerKind.WEBHOOK,
    filter: 'body.kind == "release"',
  });
  const { id = '', webhookPath: path = '' } = trigger ?? {};
  const send = (
    body: string,
    { webhookId = randomUUID(), ageMs = 0, secret = webhookSecret, to = path, signed = body } = {},
  ) => {
    const webhookTimestamp = String(Math.floor((Date.now() - ageMs) / 1_000));
    const own = { id: webhookId, timestamp: webhookTimestamp, body: Buffer.from(signed) };
    const webhookSignature = `v1,AAAA ${signDelivery(secret, own)}`;
    return fleet.triggers.deliverWebhook({
      ...{ path: to, webhookId, webhookTimestamp, webhookSignature, body: Buffer.from(body) },
    });
  };
  const release = '{"kind":"release","version":"1.2"}';
  const webhookId = randomUUID();
  const firingIds = await Promise.all(Array.from({ length: 5 }, () => send(release, { webhookId })));
  expect(new Set(firingIds.map(({ firingId }) => firingId)).size).toBe(1);
  const [firing, ...more] = await settled(id, 1);
  expect(more).toEqual([]);
  expect(await outputOf(firing)).toEqual({ got: { kind: 'release', version: '1.2' } });
  expect((await send('{"kind":"other"}')).firingId).toBe('');

  const refused = { code: 'unauthenticated', reason: 'WEBHOOK_REFUSED' };
  await expect(send(release, { ageMs: 400_000 })).rejects.toMatchObject(refused);
  await expect(send(release, { ageMs: -400_000 })).rejects.toMatchObject(refused);
  await expect(send(release, { signed: `${release} ` })).rejects.toMatchObject(refused);
  await expect(send(release, { secret: 'whsec_AAAA' })).rejects.toMatchObject(refused);
  await expect(send(release, { to: 'nowhere' })).rejects.toMatchObject(refused);
  await expect(send('no json')).rejects.toMatchObject({ reason: 'WEBHOOK_BODY_INVALID' });
  await fleet.triggers.disableTrigger({ id });
  await expect(send(release)).rejects.toMatchObject({ reason: 'TRIGGER_DISABLED' });

  const stored = await fleet.database.query<{ row: string }>(
    `select (select string_agg(t::text, '') from workflow_triggers t) || (select coalesce(string_agg(o::text, ''), '') from outbox_sent o) as row`,
  );
  const bytes = Buffer.from(webhookSecret.slice('whsec_'.length), 'base64').toString('hex');
  for (const text of [webhookSecret, bytes]) expect(stored[0]?.row).not.toContain(text);
});

test('after a rotation both secrets are accepted until the old one has expired', async () => {
  const { trigger, webhookSecret: first } = await fleet.triggers.createTrigger({
    ...{ workflowId, name: 'W', kind: TriggerKind.WEBHOOK },
  });
  const { id = '', webhookPath: path = '', etag } = trigger ?? {};
  const accepted = async (secret: string): Promise<boolean> => {
    const delivery = {
      ...{ id: randomUUID(), timestamp: String(Math.floor(Date.now() / 1_000)), body: Buffer.from('{}') },
    };
    const { firingId } = await fleet.triggers
      .deliverWebhook({
        ...{ path, webhookId: delivery.id, webhookTimestamp: delivery.timestamp, body: delivery.body },
        webhookSignature: signDelivery(secret, delivery),
      })
      .catch((error: { reason: string }) => {
        expect(error.reason).toBe('WEBHOOK_REFUSED');
        return { firingId: '' };
      });
    return firingId !== '';
  };
  const rotate = (seconds?: number) =>
    fleet.triggers.rotateWebhookSecret({
      id,
      ...(seconds !== undefined && { overlap: durationFromMs(seconds * 1000) }),
    });
  await expect(fleet.triggers.rotateWebhookSecret({ id, etag: '99' })).rejects.toMatchObject({ code: 'aborted' });
  const rotated = await fleet.triggers.rotateWebhookSecret({ id, etag: etag ?? '' });
  const second = rotated.webhookSecret;
  expect(rotated.trigger?.oldSecretExpireTime).toBeDefined();
  const expires = Number(rotated.trigger?.oldSecretExpireTime?.seconds) * 1000;
  expect(Math.abs(expires - Date.now() - 86_400_000)).toBeLessThan(3_600_000); // a day, unless said
  expect([await accepted(first), await accepted(second)]).toEqual([true, true]);
  const { webhookSecret: third } = await rotate(3600);
  expect([await accepted(first), await accepted(second), await accepted(third)]).toEqual([false, true, true]);
  // The overlap is over.
  await fleet.database.query(`update workflow_triggers set old_secret_expired_at = now() where id = '${id}'`);
  expect([await accepted(second), await accepted(third)]).toEqual([false, true]);
  const { webhookSecret: fourth, trigger: leaked } = await rotate(0);
  expect(leaked?.oldSecretExpireTime).toBeUndefined();
  expect([await accepted(third), await accepted(fourth)]).toEqual([false, true]);
  const { trigger: api } = await fleet.triggers.createTrigger({ workflowId, name: 'A', kind: TriggerKind.API });
  await expect(fleet.triggers.rotateWebhookSecret({ id: api?.id ?? '' })).rejects.toMatchObject({
    reason: 'TRIGGER_NOT_WEBHOOK',
  });
  await expect(rotate(40 * 86_400)).rejects.toMatchObject({ code: 'invalid_argument' });
  const [row] = await fleet.database.query<{ row: string }>(
    `select (select string_agg(t::text, '') from workflow_triggers t) || (select coalesce(string_agg(o::text, ''), '') from outbox_sent o) as row`,
  );
  for (const secret of [first, second, third, fourth]) expect(row?.row).not.toContain(secret);
});

test('an input mapping is kept, replaced or emptied', async () => {
  const { trigger } = await fleet.triggers.createTrigger({
    ...{ workflowId, name: 'M', kind: TriggerKind.WEBHOOK, inputMapping: { a: 'body.a', b: 'body.b' } },
  });
  const id = trigger?.id ?? '';
  const mappingAfter = async (change: {
    name?: string;
    inputMapping?: Record<string, string>;
    clearInputMapping?: boolean;
  }) => (await fleet.triggers.updateTrigger({ id, ...change })).inputMapping;
  expect(await mappingAfter({ name: 'N' })).toEqual({ a: 'body.a', b: 'body.b' });
  expect(await mappingAfter({ inputMapping: { c: 'body' } })).toEqual({ c: 'body' });
  await expect(mappingAfter({ inputMapping: { d: 'body' }, clearInputMapping: true })).rejects.toMatchObject({
    code: 'invalid_argument',
  });
  expect(await mappingAfter({ inputMapping: {} })).toEqual({ c: 'body' });
  expect(await mappingAfter({ clearInputMapping: true })).toEqual({});
  expect((await fleet.triggers.getTrigger({ id })).inputMapping).toEqual({});
});

test.each([
  [{ kind: TriggerKind.EVENT, eventType: 'flotilla.workflow.v1.Nothing' }, 'EVENT_TYPE_UNKNOWN'],
  [{ kind: TriggerKind.WEBHOOK, eventType: 'flotilla.workflow.v1.InstanceFailed' }, 'EVENT_TYPE_UNKNOWN'],
  [{ kind: TriggerKind.WEBHOOK, filter: 'event.a' }, 'EXPRESSION_INVALID'],
  [{ kind: TriggerKind.WEBHOOK, inputMapping: { a: 'body.' } }, 'EXPRESSION_INVALID'],
  [{ kind: TriggerKind.API, filter: 'true' }, 'TRIGGER_INVALID'],
])('a trigger that cannot work is refused: %j', async (wish, reason) => {
  await expect(fleet.triggers.createTrigger({ workflowId, name: 'Bad', ...wish })).rejects.toMatchObject({
    code: 'invalid_argument',
    reason,
  });
});

test('the runs of a trigger act for whoever changed it last', async () => {
  const { trigger } = await fleet.triggers.createTrigger({ workflowId, name: 'A', kind: TriggerKind.API });
  const id = trigger?.id ?? '';
  const userId = randomUUID();
  const clients = await fleet.as(fleet.address, { userId });
  expect(await clients.triggers.updateTrigger({ id, name: 'B' })).toMatchObject({ updatedBy: userId, name: 'B' });
  clients.close();
  await fleet.triggers.fireTrigger({ id });
  const [firing] = await settled(id, 1);
  expect(await fleet.ended(firing?.instanceId ?? '')).toMatchObject({
    createdBy: userId,
    status: InstanceStatus.COMPLETED,
  });
});
