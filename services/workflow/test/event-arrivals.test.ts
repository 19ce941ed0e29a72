import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { InstanceStatus, TriggerKind } from '@flotilla/contracts/workflow';
import { republish } from '@flotilla/events';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWorkflow, type WorkflowHarness } from './harness.ts';

const quick: JsonObject = { steps: [{ id: 'only', kind: 'transform', value: 1 }] };
const created = 'flotilla.workflow.v1.WorkflowCreated';
const hold = (id: string, rest: JsonObject = {}): JsonObject => ({
  ...{ id, kind: 'wait', event: created, when: 'event.workflow.slug == input.slug' },
  ...rest,
});
/** Each of its items waits for the same event, and then once more. */
const each: JsonObject = {
  steps: [
    {
      ...{ id: 'each', kind: 'map', items: '${input.items}', maxConcurrency: 100 },
      steps: [hold('hold', { next: 'again' }), hold('again')],
      output: '${steps.hold.eventId}',
    },
  ],
};

let fleet: WorkflowHarness;
beforeAll(async () => {
  fleet = await startWorkflow();
});
afterAll(() => fleet.stop());

const create = async (slug: string) =>
  (await fleet.workflows.createWorkflow({ name: 'Some', slug, definition: quick })).id;
const query = (text: string, values: unknown[] = []) => fleet.database.query<Record<string, unknown>>(text, values);
const waiting = async (step: string) =>
  Number((await query('select count(*) as n from workflow_event_waits where step_id = $1', [step]))[0]?.['n']);

async function published(aggregateId: string): Promise<string> {
  const [row] = await eventually(async () => {
    const rows = await query('select id from outbox_sent where aggregate_id = $1 and type = $2', [
      aggregateId,
      created,
    ]);
    expect(rows).toHaveLength(1);
    return rows;
  });
  return String(row?.['id']);
}

/** As when a topic is filled again, or a process dies before it has said that it knows the event. Resolves when it was told. */
async function tellAgain(aggregateId: string): Promise<void> {
  const updated = { id: 'sentinel', kind: 'wait', event: 'flotilla.workflow.v1.WorkflowUpdated' };
  const when = 'event.workflow.id == input.aggregateId';
  const sentinel = await fleet.start(await fleet.activate({ steps: [{ ...updated, when }] }), { aggregateId });
  await eventually(async () => expect(await waiting('sentinel')).toBe(1));
  const times = { since: new Date(Date.now() - 600_000), until: new Date(Date.now() + 60_000) };
  expect(await republish(fleet.database.migratorUrl, { ...times, aggregateId })).toBeGreaterThan(0);
  // An event of the same aggregate comes after it.
  const { etag } = await fleet.workflows.getWorkflow({ id: aggregateId });
  await fleet.workflows.updateWorkflow({ id: aggregateId, etag, name: 'Other' });
  expect(await fleet.ended(sentinel)).toMatchObject({ status: InstanceStatus.COMPLETED });
}

test('an event that concerned nobody, when it is told again, is no news for whoever waits or listens since long after it', async () => {
  const slugs = ['old', 'recent'].map((name) => `${name}-${randomUUID()}`);
  const [old = '', recent = ''] = await Promise.all(slugs.map(create));
  for (const [id, age] of [
    [old, '2 minutes'],
    [recent, '20 seconds'],
  ] as const) {
    await query('update outbox_sent set occurred_at = occurred_at - $2::interval where id = $1', [
      await published(id),
      age,
    ]);
  }
  const workflowId = await fleet.activate({ steps: [hold('hold')] });
  const [waits = '', ends = ''] = await Promise.all(slugs.map((slug) => fleet.start(workflowId, { slug })));
  const listening = { workflowId: await fleet.activate(quick), kind: TriggerKind.EVENT, eventType: created };
  const triggers = await Promise.all(
    slugs.map((slug) =>
      fleet.triggers.createTrigger({ ...listening, name: slug, filter: `event.workflow.slug == '${slug}'` }),
    ),
  );
  await eventually(async () => expect(await waiting('hold')).toBe(2));
  await tellAgain(old);
  await tellAgain(recent);
  expect(await fleet.ended(ends)).toMatchObject({ status: InstanceStatus.COMPLETED });
  expect((await fleet.instances.getInstance({ id: waits })).status).toBe(InstanceStatus.RUNNING);
  const counts = await Promise.all(
    triggers.map(async ({ trigger }) => {
      const id = trigger?.id ?? '';
      return Number((await query('select count(*) as n from workflow_firings where source_id = $1', [id]))[0]?.['n']);
    }),
  );
  expect(counts).toEqual([0, 1]);
  await fleet.instances.cancelInstance({ id: waits });
});

test('a trigger that is enabled again listens since then', async () => {
  const [slug, filter] = [`w-${randomUUID()}`, ''];
  const known = {
    workflowId: await fleet.activate(quick),
    kind: TriggerKind.EVENT,
    eventType: created,
    name: slug,
    filter,
  };
  const id = (await fleet.triggers.createTrigger(known)).trigger?.id ?? '';
  const since = async () =>
    (await query('select listens_since from workflow_triggers where id = $1', [id]))[0]?.['listens_since'];
  const first = await since();
  await fleet.triggers.updateTrigger({ id, name: 'Other' });
  await fleet.triggers.disableTrigger({ id });
  expect(await since()).toEqual(first);
  await fleet.triggers.enableTrigger({ id });
  const again = await since();
  expect(Number(again)).toBeGreaterThan(Number(first));
  await fleet.triggers.disableTrigger({ id });
});

test('an event ends hundreds of waits, some at a time; told again after a part of them, it ends the others, and no later ones', async () => {
  const workflowId = await fleet.activate(each);
  const slug = `w-${randomUUID()}`;
  const items = Array.from({ length: 100 }, (_, index) => index);
  const ids = await Promise.all([1, 2, 3].map(() => fleet.start(workflowId, { slug, items })));
  await eventually(async () => expect(await waiting('hold')).toBe(300), { timeoutMs: 20_000 });
  const event = await published(await create(slug));
  const aggregateId = String(
    (await query('select aggregate_id from outbox_sent where id = $1', [event]))[0]?.['aggregate_id'],
  );
  await eventually(async () => expect([await waiting('hold'), await waiting('again')]).toEqual([0, 300]), {
    timeoutMs: 20_000,
  });
  const known = () => query('select consumer from inbox where event_id = $1 order by consumer', [event]);
  await eventually(async () =>
    expect(await known()).toEqual([{ consumer: 'workflow-triggers' }, { consumer: 'workflow-waits' }]),
  );

  // The process has died before the last of them, so that nothing says that the event is known.
  await query("delete from inbox where event_id = $1 and consumer = 'workflow-triggers'", [event]);
  await query(
    `update workflow_event_waits set waits_since = waits_since - interval '10 seconds' where step_id = 'again' and path like '%[7]%'`,
  );
  await tellAgain(aggregateId);
  expect(await waiting('again')).toBe(297);
  expect(await known()).toHaveLength(2);

  await fleet.workflows.deleteWorkflow({ id: aggregateId });
  await create(slug);
  for (const id of ids) {
    const run = await fleet.ended(id, 30_000);
    expect(run).toMatchObject({ status: InstanceStatus.COMPLETED });
  }
  const ends = await query(
    `select count(*) as ends, count(distinct (instance_id, entry->>'path', visit)) as visits from workflow_journal
     where kind = 'step_completed' and instance_id = any($1::uuid[]) and step_id in ('hold', 'again')`,
    [ids],
  );
  expect(ends).toEqual([{ ends: '600', visits: '600' }]);
});
