import { InstanceStatus, TaskStatus } from '@flotilla/contracts/workflow';
import { eventually, testTemporalAddress } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWorkflow, type WorkflowHarness } from './harness.ts';
import { type Histories, readHistories } from './history.ts';
import { wellScript } from './neighbours.ts';
import { quickWatch } from './release-watch.ts';

let fleet: WorkflowHarness;
let histories: Histories;
beforeAll(async () => {
  fleet = await startWorkflow({ WORKFLOW_LANE_RUNS: '0', WORKFLOW_RIDES: '1' });
  histories = await readHistories(testTemporalAddress());
});
afterAll(async () => {
  await histories.close();
  await fleet.stop();
});

/** Of a run that has ended. */
async function eventsOf(id: string): Promise<{ readonly tasks: number; readonly activities: number }> {
  const [history] = await histories.of(id);
  const events = history?.events ?? [];
  return {
    tasks: events.filter((event) => event.workflowTaskCompletedEventAttributes).length,
    activities: events.filter((event) => event.activityTaskScheduledEventAttributes).length,
  };
}

const attemptsOf = async (instanceId: string) =>
  (await fleet.instances.listTasks({ instanceId })).tasks.map(({ stepId, attempts }) => `${stepId} ${attempts}`);
const requests = () => fleet.tracker.answered().filter((line) => line.startsWith('POST /records ')).length;

test('a run of short steps is one task of its workflow, and no activity', async () => {
  const id = await fleet.start(await fleet.activate(quickWatch()));
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED });
  expect(await eventsOf(id)).toEqual({ tasks: 1, activities: 0 });
  expect(await attemptsOf(id)).toEqual(['open 1', 'route 1', 'publish 1']);
});

test('the driver of a run begins in the process that accepted it, with the answer to its start', async () => {
  const workflowId = await fleet.activate(quickWatch());
  // It is known by the first one that Temporal does so: then the ride of the second one goes on from the move that accepted it.
  for (const _ of ['first', 'second']) {
    const id = await fleet.start(workflowId);
    expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED });
    const [history] = await histories.of(id);
    const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
    expect(started?.eagerExecutionAccepted).toBe(true);
    expect(await eventsOf(id)).toEqual({ tasks: 1, activities: 0 });
    expect(await attemptsOf(id)).toEqual(['open 1', 'route 1', 'publish 1']);
  }
});

test('a run that finds all rides taken is driven by activities', async () => {
  const workflowId = await fleet.activate(quickWatch());
  const { opened } = fleet.tracker.counts();
  await fleet.tracker.mood({ on: 'open', action: 'hold', ms: 900 });
  const first = await fleet.start(workflowId);
  await eventually(() => fleet.tracker.counts().opened === opened + 1);
  const second = await fleet.start(workflowId);
  for (const id of [first, second]) expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED });
  expect(await eventsOf(first)).toMatchObject({ activities: 0 });
  expect((await eventsOf(second)).activities).toBeGreaterThan(0);
});

test('a step that takes longer than a ride goes on: the activity that is begun for it asks nobody again', async () => {
  const before = requests();
  await fleet.tracker.mood({ on: 'open', action: 'hold', ms: 3_000 });
  const id = await fleet.start(await fleet.activate(quickWatch()));
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED });
  expect(requests() - before).toBe(1);
  expect(await attemptsOf(id)).toEqual(['open 1', 'route 1', 'publish 1']);
  // What comes after it is ridden again.
  expect(await eventsOf(id)).toMatchObject({ activities: 1 });
});

test('a step of a kind that takes long does not wait for the short ones beside it', async () => {
  const asked = Promise.withResolvers<number>();
  const well = wellScript();
  fleet.neighbours.script = {
    ...well,
    execute(prompt, call) {
      asked.resolve(requests());
      return well.execute(prompt, call);
    },
  };
  const record = {
    kind: 'http',
    url: '${input.tracker}/records',
    body: { title: 'Slow', runId: '${run.id}' },
    undo: { url: '${input.tracker}/undo', body: { key: '${effect.key}' } },
  };
  const before = requests();
  await fleet.tracker.mood({ on: 'open', action: 'hold', ms: 3_000 });
  const branches = [
    { name: 'slow', steps: [{ ...record, id: 'open' }] },
    {
      name: 'long',
      steps: [
        { id: 'send', kind: 'notification', templateId: '${input.templateId}', next: 'ask' },
        { id: 'ask', kind: 'agent', agentId: '${input.agentId}', prompt: 'Go.' },
      ],
    },
  ];
  const id = await fleet.start(await fleet.activate({ steps: [{ id: 'both', kind: 'parallel', branches }] }));
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED });
  expect(await asked.promise).toBe(before);
  expect(requests() - before).toBe(1);
});

test('a step that has to wait before its next attempt leaves the ride, and waits; its attempts count on', async () => {
  const before = requests();
  await fleet.tracker.mood({ on: 'open', action: 'refuse', status: 503, times: 2 });
  const retry = { maxAttempts: 3, initialIntervalMs: 400 };
  const id = await fleet.start(await fleet.activate(quickWatch({}, { retry })));
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED });
  const [open] = (await fleet.instances.listTasks({ instanceId: id })).tasks;
  expect(open).toMatchObject({ stepId: 'open', attempts: 3, status: TaskStatus.COMPLETED });
  // 400 ms, and twice as long.
  const { seconds = 0n, nanos = 0 } = open?.duration ?? {};
  expect(Number(seconds) * 1000 + nanos / 1e6).toBeGreaterThanOrEqual(1_200);
  expect(requests() - before).toBe(3);
});

test('a step that is always refused is asked as often as it may be, and no more', async () => {
  const before = requests();
  await fleet.tracker.mood({ on: 'open', action: 'refuse', status: 503, times: 2 });
  const retry = { maxAttempts: 2, initialIntervalMs: 300 };
  const id = await fleet.start(await fleet.activate(quickWatch({}, { retry })));
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.FAILED, errorStep: 'open' });
  expect(requests() - before).toBe(2);
  expect(await attemptsOf(id)).toEqual(['open 2']);
});

test.each(['in its process', 'from another one'])('a run is cancelled in the middle of a ride, %s', async (where) => {
  const other = await fleet.replica({
    WORKFLOW_TEMPORAL_TASK_QUEUE: 'of-nobody',
    WORKFLOW_SWEEP_EVERY_MS: '600000',
  });
  const clients = await fleet.as(where === 'in its process' ? fleet.address : other.address);
  const undone = fleet.tracker.undone();
  const { opened } = fleet.tracker.counts();
  await fleet.tracker.mood({ on: 'open', action: 'hold', ms: 20_000 });
  const id = await fleet.start(await fleet.activate(quickWatch({}, { timeoutMs: 15_000 })));
  await eventually(() => fleet.tracker.counts().opened === opened + 1);
  const cancelledAt = performance.now();
  await clients.instances.cancelInstance({ id });
  expect(await fleet.ended(id, 10_000)).toMatchObject({ status: InstanceStatus.CANCELLED });
  expect(performance.now() - cancelledAt).toBeLessThan(5_000);
  expect(fleet.tracker.undone() - undone).toBe(1);
  const [open] = (await fleet.instances.listTasks({ instanceId: id })).tasks;
  expect(open).toMatchObject({ attempts: 1, status: TaskStatus.FAILED, errorReason: 'CANCELLED' });
  clients.close();
  await other.stop();
});
