import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { CompensationState, type Instance, InstanceStatus, Undo } from '@flotilla/contracts/workflow';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startWorkflow, type WorkflowHarness } from './harness.ts';
import { wellScript } from './neighbours.ts';

let fleet: WorkflowHarness;
beforeAll(async () => {
  fleet = await startWorkflow();
});
afterAll(() => fleet.stop());
beforeEach(() => {
  fleet.neighbours.script = wellScript();
});

const effect = (id: string, next = '$end'): JsonObject => ({
  id,
  kind: 'http',
  url: '${input.tracker}/records',
  body: { title: id, runId: '${run.id}' },
  undo: { url: '${input.tracker}/undo', body: { key: '${effect.key}' } },
  next,
});
const inner = (...steps: JsonObject[]): JsonObject => ({
  input: { schema: { type: 'object', required: ['tracker'] } },
  steps: [effect('open', steps[0] === undefined ? '$end' : String(steps[0]['id'])), ...steps],
  output: { record: '${steps.open.output.body.id}' },
});
const outer = (workflowId: string, more: JsonObject = {}, after: JsonObject[] = []): JsonObject => ({
  steps: [
    effect('first', 'child'),
    { id: 'child', kind: 'workflow', workflowId, input: { tracker: '${input.tracker}' }, next: '$end', ...more },
    ...after,
  ],
  output: { record: '${steps.child.output.record}', instanceId: '${steps.child.instanceId}' },
});
const hold: JsonObject = { id: 'hold', kind: 'wait', signal: 'go' };
const childOf = (parentInstanceId: string): Promise<Instance> =>
  eventually(async () => {
    const [child] = (await fleet.instances.listInstances({ parentInstanceId })).instances;
    if (child === undefined) throw new Error('It has started no run.');
    return child;
  });
const failsToSend = () => {
  fleet.neighbours.script.send = async () => {
    throw new Error('out of order');
  };
};
const tell: JsonObject = { id: 'tell', kind: 'notification', templateId: '${input.templateId}' };

test('a run inside of a run gives its output to the step, acts for the same person and lives as long as it must', async () => {
  const workflowId = await fleet.activate(inner());
  const id = await fleet.start(await fleet.activate(outer(workflowId)));
  const ended = await fleet.ended(id);
  const child = await childOf(id);
  expect(ended).toMatchObject({
    status: InstanceStatus.COMPLETED,
    output: { instanceId: child.id, record: child.output?.['record'] },
  });
  expect(child).toMatchObject({
    workflowId,
    status: InstanceStatus.COMPLETED,
    parentInstanceId: id,
    parentPath: 'child',
    createdBy: ended.createdBy,
    traceId: ended.traceId,
  });
});

test('what fails inside fails the step, and both take back what they did', async () => {
  failsToSend();
  const before = fleet.tracker.counts();
  const told = inner({ ...tell, templateId: randomUUID() });
  const id = await fleet.start(await fleet.activate(outer(await fleet.activate(told))));
  expect(await fleet.ended(id)).toMatchObject({
    status: InstanceStatus.FAILED,
    compensation: CompensationState.COMPLETE,
    errorReason: 'CHILD_FAILED',
    errorStep: 'child',
  });
  expect(await childOf(id)).toMatchObject({ compensation: CompensationState.COMPLETE, errorStep: 'tell' });
  const after = fleet.tracker.counts();
  expect([after.opened - before.opened, after.withdrawn - before.withdrawn]).toEqual([2, 2]);
  expect(
    await fleet.instances.retryInstance({ id: (await childOf(id)).id, reason: 'x' }).catch((error: unknown) => error),
  ).toMatchObject({ reason: 'INSTANCE_INSIDE' });
  fleet.neighbours.script = wellScript();
  await fleet.instances.retryInstance({ id, reason: 'the mail server is back' });
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED });
});

test('a run that reached its goal takes back what it did when the run around it fails', async () => {
  failsToSend();
  const before = fleet.tracker.counts();
  const definition = outer(await fleet.activate(inner()), { next: 'tell' }, [tell]);
  const id = await fleet.start(await fleet.activate(definition));
  expect(await fleet.ended(id)).toMatchObject({
    status: InstanceStatus.FAILED,
    compensation: CompensationState.COMPLETE,
    errorStep: 'tell',
  });
  expect(await childOf(id)).toMatchObject({
    status: InstanceStatus.COMPLETED,
    compensation: CompensationState.COMPLETE,
  });
  const after = fleet.tracker.counts();
  expect([after.opened - before.opened, after.withdrawn - before.withdrawn]).toEqual([2, 2]);
});

test('cancelling the outer run cancels the inner one, with or without undo', async () => {
  const workflowId = await fleet.activate(outer(await fleet.activate(inner(hold))));
  for (const undo of [Undo.ALL, Undo.NONE]) {
    const before = fleet.tracker.counts();
    const id = await fleet.start(workflowId);
    const child = await childOf(id);
    await eventually(async () =>
      expect((await fleet.instances.getInstance({ id: child.id })).currentSteps).toEqual(['hold']),
    );
    await fleet.instances.cancelInstance({ id, undo });
    const compensation = undo === Undo.ALL ? CompensationState.COMPLETE : CompensationState.NONE;
    expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.CANCELLED, compensation });
    expect(await fleet.ended(child.id)).toMatchObject({ status: InstanceStatus.CANCELLED, compensation });
    expect(fleet.tracker.counts().withdrawn - before.withdrawn).toBe(undo === Undo.ALL ? 2 : 0);
  }
});

test('what cannot be started fails the step: no such workflow, an input that does not fit, runs inside of runs for ever', async () => {
  const nobody = await fleet.start(await fleet.activate(outer(randomUUID())));
  expect(await fleet.ended(nobody)).toMatchObject({ errorReason: 'WORKFLOW_NOT_FOUND', errorStep: 'child' });
  const unfit = await fleet.start(await fleet.activate(outer(await fleet.activate(inner()), { input: {} })));
  expect(await fleet.ended(unfit)).toMatchObject({ errorReason: 'INPUT_INVALID', errorStep: 'child' });
  const slug = `w-${randomUUID()}`;
  const definition = { steps: [{ id: 'again', kind: 'workflow', workflowSlug: slug }] };
  const { id: workflowId } = await fleet.workflows.createWorkflow({ name: 'For ever', slug, definition });
  await fleet.workflows.activateWorkflow({ id: workflowId });
  const deep = await fleet.start(workflowId);
  expect(await fleet.ended(deep)).toMatchObject({ status: InstanceStatus.FAILED, errorReason: 'CHILD_FAILED' });
  expect((await fleet.instances.listInstances({ workflowId })).instances).toHaveLength(6);
});
