import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { InstanceStatus, TriggerKind } from '@flotilla/contracts/workflow';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drivers, startWorkflow, type WorkflowHarness } from './harness.ts';

const quick: JsonObject = { steps: [{ id: 'only', kind: 'transform', value: 1 }] };
const created = 'flotilla.workflow.v1.WorkflowCreated';
/** Waits for the creation of the workflow that its input names. */
const waits = (step: JsonObject = {}): JsonObject => ({
  steps: [
    { id: 'name', kind: 'transform', value: { slug: '${input.slug}', large: 'x' }, next: 'hold' },
    {
      ...{ id: 'hold', kind: 'wait', event: created, when: 'event.workflow.slug == steps.name.output.slug' },
      ...step,
    },
  ],
  output: {
    name: '${steps.hold.expired ? "none" : steps.hold.output.workflow.name}',
    expired: '${steps.hold.expired}',
  },
});

describe.each(drivers)('waits for events driven by $driver', ({ env }) => {
  let fleet: WorkflowHarness;
  beforeAll(async () => {
    fleet = await startWorkflow(env);
  });
  afterAll(() => fleet.stop());

  const holds = (id: string) =>
    eventually(async () => expect((await fleet.instances.getInstance({ id })).currentSteps).toEqual(['hold']));
  const create = (slug: string, name: string, clients: Pick<WorkflowHarness, 'workflows'> = fleet) =>
    clients.workflows.createWorkflow({ name, slug, definition: quick });
  const waiting = () => fleet.database.query('select instance_id from workflow_event_waits');

  test('the first event of the tenant that fits ends the wait, once, and is what the step leaves', async () => {
    const workflowId = await fleet.activate(waits());
    const [slug, otherSlug] = [`w-${randomUUID()}`, `w-${randomUUID()}`];
    const [id, other] = await Promise.all([slug, otherSlug].map((one) => fleet.start(workflowId, { slug: one })));
    await Promise.all([id, other].map((one) => holds(one ?? '')));
    const stranger = await fleet.as(fleet.address, { tenantId: randomUUID() });
    await create(slug, 'Theirs', stranger);
    stranger.close();
    await create(slug, 'Ours');
    expect(await fleet.ended(id ?? '')).toMatchObject({
      status: InstanceStatus.COMPLETED,
      output: { name: 'Ours', expired: false },
    });
    await create(otherSlug, 'Other');
    expect(await fleet.ended(other ?? '')).toMatchObject({ output: { name: 'Other' } });
    const { tasks } = await fleet.instances.listTasks({ instanceId: id ?? '' });
    expect(tasks.map(({ stepId, visit, attempts }) => `${stepId} ${visit} ${attempts}`)).toEqual([
      'name 1 1',
      'hold 1 1',
    ]);
    const third = await fleet.start(workflowId, { slug });
    await holds(third);
    expect(await waiting()).toEqual([{ instance_id: third }]);
    await fleet.instances.cancelInstance({ id: third });
    expect(await fleet.ended(third)).toMatchObject({ status: InstanceStatus.CANCELLED });
    expect(await waiting()).toEqual([]);
  });

  test('each item of a map waits for its own; triggers hear of the same events', async () => {
    const slugs = Array.from({ length: 3 }, () => `w-${randomUUID()}`);
    const each: JsonObject = {
      steps: [
        {
          ...{ id: 'each', kind: 'map', items: '${input.slugs}' },
          steps: [{ id: 'hold', kind: 'wait', event: created, when: 'event.workflow.slug == item' }],
          output: '${steps.hold.output.workflow.slug}',
        },
      ],
      output: { slugs: '${steps.each.output}' },
    };
    const [slug = ''] = slugs;
    const { trigger } = await fleet.triggers.createTrigger({
      workflowId: await fleet.activate(quick),
      ...{ name: 'Too', kind: TriggerKind.EVENT, eventType: created, filter: `event.workflow.slug == '${slug}'` },
    });
    const id = await fleet.start(await fleet.activate(each), { slugs });
    await eventually(async () => expect(await waiting()).toHaveLength(3));
    for (const one of slugs.toReversed()) await create(one, 'Some');
    expect((await fleet.ended(id)).output).toEqual({ slugs });
    await eventually(async () => expect((await fleet.triggers.getTrigger({ id: trigger?.id ?? '' })).runCount).toBe(1));
  });

  test('an event that does not come in time fails the run, or lets it go on; one that the condition does not suit fails the step', async () => {
    const slug = `w-${randomUUID()}`;
    const started = async (step: JsonObject) => fleet.start(await fleet.activate(waits(step)), { slug });
    const patient = await started({ expiresInMs: 150, onExpiry: 'continue' });
    const strict = await started({ expiresInMs: 150 });
    const unsuited = await started({ when: 'event.workflow.nothing.of.this == 1' });
    expect(await fleet.ended(patient)).toMatchObject({ output: { name: 'none', expired: true } });
    expect(await fleet.ended(strict)).toMatchObject({ status: InstanceStatus.FAILED, errorReason: 'WAIT_EXPIRED' });
    await create(slug, 'Some');
    expect(await fleet.ended(unsuited)).toMatchObject({
      ...{ status: InstanceStatus.FAILED, errorReason: 'EXPRESSION_FAILED', errorStep: 'hold' },
    });
  });

  test('what cannot be waited for is refused in its place', async () => {
    const problemsOf = async (step: JsonObject) =>
      (await fleet.workflows.checkWorkflow({ definition: waits(step) })).problems.map(
        ({ pointer, reason }) => `${pointer} ${reason}`,
      );
    expect(await problemsOf({ event: 'flotilla.workflow.v1.Nothing' })).toEqual(['/steps/1/event EVENT_TYPE_UNKNOWN']);
    expect(await problemsOf({ when: 'event.workflow.slug' })).toEqual([]);
    expect(await problemsOf({ when: '1 + 1' })).toEqual(['/steps/1/when EXPRESSION_TYPE']);
    expect(await problemsOf({ when: 'steps.later.output == event' })).toEqual(['/steps/1/when STEP_UNKNOWN']);
    expect(await problemsOf({ signal: 'go' })).toEqual(['/steps/1/event FIELD_INVALID', '/steps/1/when FIELD_INVALID']);
    expect(await problemsOf({ duration: 1000 })).toEqual(['/steps/1/duration FIELD_INVALID']);
  });
});
