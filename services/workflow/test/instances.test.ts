import { randomUUID } from 'node:crypto';
import { CompensationState, InstanceStatus, TaskStatus } from '@flotilla/contracts/workflow';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { inputFor, startWorkflow, type WorkflowHarness } from './harness.ts';
import { wellScript } from './neighbours.ts';

let fleet: WorkflowHarness;
beforeAll(async () => {
  fleet = await startWorkflow();
});
afterAll(() => fleet.stop());
beforeEach(() => {
  fleet.neighbours.script = wellScript();
});

test('a repeated start answers the same run, with one grant and one effect', async () => {
  const open = {
    ...{ id: 'open', kind: 'http', url: '${input.tracker}/records', body: { title: 'once', runId: '${run.id}' } },
    undo: { url: '${input.tracker}/undo', body: { key: '${effect.key}' } },
    next: 'hold',
  };
  const workflowId = await fleet.activate({ steps: [open, { id: 'hold', kind: 'wait', duration: 'PT1H' }] });
  const before = fleet.tracker.counts();
  const grants = fleet.identity.grants.size;
  const request = { workflowId, input: inputFor(fleet.tracker.url) };
  const idempotencyKey = randomUUID();
  const started = await Promise.all(
    Array.from({ length: 10 }, () => fleet.instances.startInstance(request, { idempotencyKey })),
  );
  expect(new Set(started.map(({ id }) => id)).size).toBe(1);
  const id = started[0]?.id ?? '';
  // Those that came to no use are taken back; the run's own when it has ended.
  await eventually(() => expect(fleet.identity.grants.size - grants).toBe(1));
  await eventually(() => expect(fleet.tracker.counts().opened - before.opened).toBe(1));
  await fleet.instances.cancelInstance({ id, reason: 'seen' });
  await fleet.ended(id);
  await eventually(() => expect(fleet.identity.grants.size - grants).toBe(0));
  expect(fleet.tracker.counts().opened - before.opened).toBe(1);
  expect((await fleet.instances.listInstances({ workflowId })).instances).toHaveLength(1);
});

test('runs are found by tag, starter, status and the time of their start', async () => {
  const workflowId = await fleet.activate();
  const another = await fleet.as(fleet.address, { userId: randomUUID() });
  const input = inputFor(fleet.tracker.url);
  const first = await fleet.instances.startInstance({ workflowId, input, tags: ['nightly', 'valkey'] });
  const second = await another.instances.startInstance({ workflowId, input, tags: ['nightly'] });
  await Promise.all([fleet.ended(first.id), fleet.ended(second.id)]);
  expect(first.tags).toEqual(['nightly', 'valkey']);
  const found = async (filter: Parameters<typeof fleet.instances.listInstances>[0]) =>
    (await fleet.instances.listInstances({ workflowId, ...filter })).instances.map(({ id }) => id);
  expect(await found({ tag: 'nightly' })).toEqual([second.id, first.id]);
  expect(await found({ tag: 'valkey' })).toEqual([first.id]);
  expect(await found({ tag: 'night' })).toEqual([]);
  expect(await found({ createdBy: second.createdBy })).toEqual([second.id]);
  expect(await found({ status: InstanceStatus.COMPLETED, createdBy: first.createdBy })).toEqual([first.id]);
  expect(await found({ status: InstanceStatus.PAUSED })).toEqual([]);
  const { createTime } = second;
  if (createTime === undefined) throw new Error('A run has the time of its start.');
  expect(await found({ createdFrom: createTime })).toEqual([second.id]);
  expect(await found({ createdBefore: createTime })).toEqual([first.id]);
  another.close();
});

test('input that does not meet the schema is refused with every violation, and starts nothing', async () => {
  const workflowId = await fleet.activate();
  const refusal = await fleet.instances
    .startInstance({ workflowId, input: { package: 1, surprise: true } })
    .catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'invalid_argument', reason: 'INPUT_INVALID' });
  expect((refusal as { violations: unknown[] }).violations.length).toBeGreaterThan(5);
  expect((await fleet.instances.listInstances({ workflowId })).instances).toEqual([]);
});

test('a cancelled run stops what is under way and undoes what it did', async () => {
  let aborted = false;
  fleet.neighbours.script.execute = (_prompt, call) =>
    new Promise((_resolve, reject) => {
      call.signal.addEventListener('abort', () => {
        aborted = true;
        reject(call.signal.reason);
      });
    });
  const before = fleet.tracker.counts();
  const id = await fleet.start(await fleet.activate());
  await eventually(() => fleet.neighbours.received.some(({ key }) => key === `${id}/summarise#1/do`));
  await fleet.instances.cancelInstance({ id, reason: 'not needed any more' });
  expect(await fleet.ended(id)).toMatchObject({
    status: InstanceStatus.CANCELLED,
    compensation: CompensationState.COMPLETE,
    errorReason: 'CANCELLED',
  });
  expect(aborted).toBe(true);
  expect(fleet.tracker.counts().withdrawn - before.withdrawn).toBe(1);
  const { tasks } = await fleet.instances.listTasks({ instanceId: id });
  expect(tasks.at(-1)).toMatchObject({ stepId: 'summarise', status: TaskStatus.FAILED, errorReason: 'CANCELLED' });
  expect(await fleet.instances.cancelInstance({ id })).toMatchObject({ status: InstanceStatus.CANCELLED });
});

test('a watcher sees every entry once, on any replica, from any cursor, until the run has ended', async () => {
  const other = await fleet.replica();
  const elsewhere = await fleet.as(other.address);
  const id = await fleet.start(await fleet.activate());
  const [here, there] = await Promise.all([
    Array.fromAsync(fleet.instances.watchInstance({ id })),
    Array.fromAsync(elsewhere.instances.watchInstance({ id, after: 3n })),
  ]);
  expect(here.map(({ cursor }) => Number(cursor))).toEqual(here.map((_update, index) => index + 1));
  expect(here.map(({ kind, stepId }) => `${kind} ${stepId}`.trim())).toEqual([
    'instance_started',
    ...['open', 'summarise', 'check', 'route', 'publish', 'notify'].flatMap((step) => [
      `step_started ${step}`,
      `step_completed ${step}`,
      ...(step === 'check' ? ['context_written check'] : []),
    ]),
    'instance_completed',
  ]);
  expect(here[1]?.instance).toMatchObject({ status: InstanceStatus.RUNNING, currentSteps: ['open'], stepsDone: 0 });
  expect(here.at(-1)?.instance).toMatchObject({ status: InstanceStatus.COMPLETED, stepsDone: 6 });
  expect(there.map(({ cursor }) => cursor)).toEqual(here.map(({ cursor }) => cursor).slice(3));
  expect(await Array.fromAsync(fleet.instances.watchInstance({ id, after: 1000n }))).toEqual([]);
  elsewhere.close();
  await other.stop();
});

test('what a model or a server sends cannot break the journal', async () => {
  const well = wellScript();
  fleet.neighbours.script.execute = async (prompt, call) => ({
    ...(await well.execute(prompt, call)),
    response: 'a\u0000b',
  });
  const id = await fleet.start(await fleet.activate());
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED });
});

test('events tell the run’s story in order, without its texts', async () => {
  const id = await fleet.start(await fleet.activate());
  await fleet.ended(id);
  const rows = await fleet.database.query<{ type: string; event_seq: string; payload: Buffer }>(`
    select type, event_seq::text, payload from (
      select type, event_seq, payload, aggregate_id from outbox union all
      select type, event_seq, payload, aggregate_id from outbox_sent) as events
    where aggregate_id = '${id}' order by event_seq`);
  expect(rows.map(({ type }) => type.replace('flotilla.workflow.v1.', ''))).toEqual([
    'InstanceStarted',
    ...Array.from({ length: 6 }, () => 'StepFinished'),
    'InstanceCompleted',
  ]);
  expect(rows.map(({ event_seq }) => Number(event_seq))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(Buffer.concat(rows.map(({ payload }) => payload)).toString()).not.toContain('Fixes CVE-2026-1');
});
