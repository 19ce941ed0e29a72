import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { CompensationState, InstanceStatus, Undo } from '@flotilla/contracts/workflow';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { inputFor, startWorkflow, type WorkflowHarness } from './harness.ts';
import { wellScript } from './neighbours.ts';
import { releaseWatch } from './release-watch.ts';

let fleet: WorkflowHarness;
beforeAll(async () => {
  fleet = await startWorkflow();
});
afterAll(() => fleet.stop());
beforeEach(() => {
  fleet.neighbours.script = wellScript();
});

const refusal = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );
const kindsOf = async (id: string) =>
  (await Array.fromAsync(fleet.instances.watchInstance({ id }))).map(({ kind }) => kind);
const schema = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } };
const waits = (step: JsonObject = {}): JsonObject => ({
  steps: [{ id: 'hold', kind: 'wait', signal: 'go', schema, ...step }],
  output: { n: '${has(steps.hold.output.n) ? steps.hold.output.n : 0}', expired: '${steps.hold.expired}' },
});
const holds = (instanceId: string) =>
  eventually(async () =>
    expect((await fleet.instances.getInstance({ id: instanceId })).currentSteps).toEqual(['hold']),
  );

test('a signal ends the wait for it, once; one that comes first is kept; others are refused', async () => {
  const id = await fleet.start(await fleet.activate(waits()));
  await holds(id);
  expect(await refusal(fleet.instances.signalInstance({ id, name: 'stop' }))).toMatchObject({
    code: 'failed_precondition',
    reason: 'SIGNAL_UNKNOWN',
  });
  expect(await refusal(fleet.instances.signalInstance({ id, name: 'go', payload: { n: 'x' } }))).toMatchObject({
    code: 'invalid_argument',
    reason: 'SIGNAL_INVALID',
    violations: [{ field: '/payload/n' }],
  });
  const idempotencyKey = randomUUID();
  const sent = { id, name: 'go', payload: { n: 7 } };
  await Promise.all(Array.from({ length: 5 }, () => fleet.instances.signalInstance(sent, { idempotencyKey })));
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED, output: { n: 7, expired: false } });
  expect((await kindsOf(id)).filter((kind) => kind === 'signal_received')).toHaveLength(1);
  expect(await refusal(fleet.instances.signalInstance(sent))).toMatchObject({ reason: 'INSTANCE_ENDED' });

  const late: JsonObject = {
    steps: [{ id: 'before', kind: 'wait', signal: 'open', next: 'hold' }, ...(waits()['steps'] as JsonObject[])],
    output: { n: '${steps.hold.output.n}' },
  };
  const early = await fleet.start(await fleet.activate(late));
  await fleet.instances.signalInstance({ id: early, name: 'go', payload: { n: 1 } });
  await fleet.instances.signalInstance({ id: early, name: 'open' });
  expect(await fleet.ended(early)).toMatchObject({ output: { n: 1 } });
});

test('a signal that does not come in time fails the run, or lets it go on', async () => {
  const patient = await fleet.start(await fleet.activate(waits({ expiresInMs: 150, onExpiry: 'continue' })));
  const strict = await fleet.start(await fleet.activate(waits({ expiresInMs: 150 })));
  expect(await fleet.ended(patient)).toMatchObject({ output: { n: 0, expired: true } });
  expect(await fleet.ended(strict)).toMatchObject({ status: InstanceStatus.FAILED, errorReason: 'WAIT_EXPIRED' });
});

test('a paused run ends what is under way and begins nothing until it is resumed', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const well = wellScript();
  fleet.neighbours.script.execute = async (prompt, call) => {
    await released;
    return well.execute(prompt, call);
  };
  const id = await fleet.start(await fleet.activate());
  await eventually(() => fleet.neighbours.received.some(({ key }) => key === `${id}/summarise#1/do`));
  expect(await fleet.instances.pauseInstance({ id, reason: 'lunch' })).toMatchObject({ status: InstanceStatus.PAUSED });
  expect(await fleet.instances.pauseInstance({ id })).toMatchObject({ status: InstanceStatus.PAUSED });
  release();
  await eventually(async () =>
    expect(await fleet.instances.getInstance({ id })).toMatchObject({ currentSteps: [], stepsDone: 2 }),
  );
  expect(fleet.neighbours.received.some(({ key }) => key.startsWith(`${id}/check`))).toBe(false);
  await fleet.instances.resumeInstance({ id });
  expect(await refusal(fleet.instances.resumeInstance({ id }))).toMatchObject({
    reason: expect.stringMatching(/INSTANCE_NOT_PAUSED|INSTANCE_ENDED/),
  });
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED, stepsDone: 6 });
  expect(await refusal(fleet.instances.pauseInstance({ id }))).toMatchObject({ reason: 'INSTANCE_ENDED' });
});

test('a run cancelled without undo keeps what it did, and goes on from where it was when it is retried', async () => {
  fleet.neighbours.script.execute = (_prompt, call) =>
    new Promise((_resolve, reject) => call.signal.addEventListener('abort', () => reject(call.signal.reason)));
  const before = fleet.tracker.counts();
  const id = await fleet.start(await fleet.activate());
  await eventually(() => fleet.neighbours.received.some(({ key }) => key === `${id}/summarise#1/do`));
  await fleet.instances.cancelInstance({ id, undo: Undo.NONE });
  expect(await fleet.ended(id)).toMatchObject({
    status: InstanceStatus.CANCELLED,
    compensation: CompensationState.NONE,
  });
  fleet.neighbours.script = wellScript();
  await fleet.instances.retryInstance({ id, stepId: 'summarise', reason: 'the provider is back' });
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED, errorReason: '' });
  const after = fleet.tracker.counts();
  expect([after.opened - before.opened, after.withdrawn - before.withdrawn]).toEqual([1, 0]);
  expect(fleet.neighbours.received.some(({ key }) => key === `${id}/summarise#2/do`)).toBe(true);
});

test('a cancelled run can keep what came before a savepoint that it has passed', async () => {
  const { steps } = releaseWatch() as { steps: JsonObject[] };
  const marked = steps.map((step) => (step['id'] === 'open' ? { ...step, savepoint: 'opened' } : step));
  const workflowId = await fleet.activate({ ...releaseWatch(), steps: marked });
  fleet.neighbours.script.execute = (_prompt, call) =>
    new Promise((_resolve, reject) => call.signal.addEventListener('abort', () => reject(call.signal.reason)));
  const before = fleet.tracker.counts();
  const id = await fleet.start(workflowId);
  await eventually(() => fleet.neighbours.received.some(({ key }) => key === `${id}/summarise#1/do`));
  const cancel = (wish: object) => refusal(fleet.instances.cancelInstance({ id, ...wish }));
  expect(await cancel({ savepoint: 'nowhere' })).toMatchObject({ reason: 'SAVEPOINT_UNKNOWN' });
  expect(await cancel({ savepoint: 'opened', undo: Undo.ALL })).toMatchObject({ reason: 'UNDO_AMBIGUOUS' });
  expect(await cancel({ savepoint: 'opened' })).toBeUndefined();
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.CANCELLED });
  expect(fleet.tracker.counts().withdrawn - before.withdrawn).toBe(0);
});

test('a failed run is retried from a step with new keys and an edited input, as whoever retries it', async () => {
  fleet.neighbours.script.send = async () => {
    throw new Error('out of order');
  };
  const id = await fleet.start(await fleet.activate());
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.FAILED, errorStep: 'notify' });
  fleet.neighbours.script = wellScript();
  const grants = fleet.identity.grants.size;
  expect(await refusal(fleet.instances.retryInstance({ id, stepId: 'summarise', reason: 'again' }))).toMatchObject({
    code: 'failed_precondition',
    reason: 'RETRY_TOO_LATE',
    message: expect.stringContaining('"open"'),
  });
  expect(
    await refusal(fleet.instances.retryInstance({ id, stepId: 'open', reason: 'again', input: { url: 'http://x/' } })),
  ).toMatchObject({ reason: 'INPUT_NOT_EDITABLE' });
  const userId = randomUUID();
  const somebody = await fleet.as(fleet.address, { userId });
  const input = { body: { title: 'Edited', runId: id } };
  const wish = { id, stepId: 'open', input, reason: 'the mail server is back' };
  const answers = await Promise.all(
    [randomUUID(), randomUUID()].map((idempotencyKey) =>
      refusal(somebody.instances.retryInstance(wish, { idempotencyKey })),
    ),
  );
  expect(answers.filter((answer) => answer === undefined)).toHaveLength(1);
  expect(answers.find((answer) => answer !== undefined)).toMatchObject({ reason: 'INSTANCE_NOT_FAILED' });
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED, errorReason: '' });
  const { tasks } = await fleet.instances.listTasks({ instanceId: id });
  const opened = tasks.filter(({ stepId }) => stepId === 'open');
  expect(opened.map(({ visit, effectKey }) => [visit, effectKey])).toEqual([
    [1, `${id}/open#1/do`],
    [2, `${id}/open#2/do`],
  ]);
  expect(JSON.stringify(opened[1]?.input)).toContain('Edited');
  const sent = fleet.neighbours.received.filter(({ key }) => key === `${id}/notify#2/do`);
  expect(new Set(sent.map(({ actor }) => actor))).toEqual(new Set([`user:${userId}`]));
  await eventually(() => expect(fleet.identity.grants.size).toBeLessThanOrEqual(grants));
  expect(await refusal(fleet.instances.retryInstance({ id, reason: 'again' }))).toMatchObject({
    reason: 'INSTANCE_NOT_FAILED',
  });
  somebody.close();
});

test('a retried run that fails again undoes what it did this time', async () => {
  fleet.neighbours.script.send = async () => {
    throw new Error('out of order');
  };
  const before = fleet.tracker.counts();
  const { id } = await fleet.instances.startInstance({
    workflowId: await fleet.activate(),
    input: inputFor(fleet.tracker.url),
  });
  await fleet.ended(id);
  await fleet.instances.retryInstance({ id, reason: 'perhaps now' });
  expect(await fleet.ended(id)).toMatchObject({
    status: InstanceStatus.FAILED,
    compensation: CompensationState.COMPLETE,
  });
  const { compensations } = await fleet.instances.listCompensations({ instanceId: id });
  expect(compensations.map(({ stepId, visit }) => `${stepId}#${visit}`)).toEqual(
    [1, 2].flatMap((visit) => ['notify', 'publish', 'open'].map((stepId) => `${stepId}#${visit}`)),
  );
  const after = fleet.tracker.counts();
  expect([after.opened - before.opened, after.withdrawn - before.withdrawn]).toEqual([2, 2]);
});
