import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { CompensationAttention, CompensationState, CompensationStatus } from '@flotilla/contracts/workflow';
import { eventually } from '@flotilla/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
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
afterEach(async () => {
  expect((await fleet.compensations.listQueuedCompensations({})).compensations).toEqual([]);
});

const outOfOrder = async () => {
  throw new Error('out of order');
};

/** A run whose notification was not accepted, and whose undo is refused: its other effects are undone. */
async function stuckRun() {
  fleet.neighbours.script.send = outOfOrder;
  fleet.neighbours.script.revoke = outOfOrder;
  const instanceId = await fleet.start(await fleet.activate());
  expect(await fleet.ended(instanceId)).toMatchObject({ compensation: CompensationState.STUCK });
  const { compensations } = await fleet.compensations.listQueuedCompensations({ instanceId });
  expect(compensations).toMatchObject([{ stepId: 'notify', attention: CompensationAttention.STUCK }]);
  return { instanceId, id: compensations[0]?.id ?? '' };
}

const settled = (instanceId: string) =>
  eventually(
    async () => {
      const run = await fleet.instances.getInstance({ id: instanceId });
      return run.compensation === CompensationState.COMPLETE;
    },
    { timeoutMs: 30_000 },
  );

test('a stuck undo is handed on, tried again at once when an operator says so, and leaves the queue when it is done', async () => {
  const { instanceId, id } = await stuckRun();
  const assigneeId = randomUUID();
  await fleet.compensations.assignCompensation({ id, assigneeId, note: 'The mail server is being mended.' });
  expect((await fleet.compensations.listQueuedCompensations({ assigneeId })).compensations).toMatchObject([
    { id, assigneeId, note: 'The mail server is being mended.' },
  ]);
  // Refused once more, quickly, it is stuck again.
  await fleet.compensations.retryCompensation({ id, reason: 'perhaps now' });
  await eventually(
    async () => (await fleet.compensations.getCompensation({ id })).attention === CompensationAttention.STUCK,
    { timeoutMs: 30_000 },
  );
  // Mended only now: a slow try on its own must not come before the operator's.
  await fleet.compensations.retryCompensation({ id, reason: 'it is mended' });
  fleet.neighbours.script.revoke = wellScript().revoke;
  await settled(instanceId);
  expect(await fleet.compensations.getCompensation({ id })).toMatchObject({
    status: CompensationStatus.COMPLETED,
    attention: CompensationAttention.UNSPECIFIED,
  });
  await expect(fleet.compensations.retryCompensation({ id, reason: '' })).rejects.toMatchObject({
    reason: 'COMPENSATION_NOT_STUCK',
  });
});

test('a stuck undo is skipped for a reason, which stays with it; two operators at once skip it once', async () => {
  const { instanceId, id } = await stuckRun();
  const answers = await Promise.allSettled([
    fleet.compensations.skipCompensation({ id, reason: 'told them by telephone' }),
    fleet.compensations.skipCompensation({ id, reason: 'told them by telephone' }),
  ]);
  expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(answers.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { reason: 'COMPENSATION_NOT_QUEUED' },
  });
  await settled(instanceId);
  expect(await fleet.compensations.getCompensation({ id })).toMatchObject({
    status: CompensationStatus.FAILED,
    resolutionReason: 'told them by telephone',
  });
  await expect(fleet.compensations.assignCompensation({ id })).rejects.toMatchObject({
    reason: 'COMPENSATION_NOT_QUEUED',
  });
});

test('where the target keeps no tombstones, an effect whose request was never answered is shown as unresolved', async () => {
  const step = (id: string, url: string, body: JsonObject, next: string) => ({
    id,
    kind: 'http',
    url,
    body,
    undo: { url: '${input.tracker}/undo', body: { key: '${effect.key}' }, late: 'unresolved' },
    next,
  });
  const record = '${input.tracker}/records';
  const publish = `${record}/\${steps.answered.output.body.id}/publish`;
  const definition = {
    steps: [
      step('answered', record, { runId: '${run.id}', title: 'answered' }, 'silent'),
      step('silent', publish, { label: 'published' }, '$end'),
    ],
  };
  await fleet.tracker.mood({ on: 'publish', action: 'hold', ms: 60_000 });
  const published = fleet.tracker.counts().published;
  const instanceId = await fleet.start(await fleet.activate(definition));
  await eventually(() => fleet.tracker.counts().published === published + 1);
  await fleet.instances.cancelInstance({ id: instanceId, reason: 'enough' });
  await fleet.ended(instanceId);
  const queued = await eventually(async () => {
    const { compensations } = await fleet.compensations.listQueuedCompensations({ instanceId });
    expect(compensations.length).toBeGreaterThan(0);
    return compensations;
  });
  expect(queued).toMatchObject([{ status: CompensationStatus.COMPLETED, attention: CompensationAttention.UNRESOLVED }]);
  const [undo] = queued;
  await fleet.compensations.skipCompensation({ id: undo?.id ?? '', reason: 'looked at the tracker: nothing is there' });
  await settled(instanceId);
});
