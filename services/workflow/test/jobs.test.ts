import { randomUUID } from 'node:crypto';
import { InstanceStatus, JobKind, JobStatus } from '@flotilla/contracts/workflow';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inputFor, startWorkflow, type WorkflowHarness } from './harness.ts';
import { quickWatch } from './release-watch.ts';

let fleet: WorkflowHarness;
beforeAll(async () => {
  fleet = await startWorkflow();
});
afterAll(() => fleet.stop());

const become = (id: string, status: JobStatus) =>
  eventually(
    async () => {
      const job = await fleet.jobs.getJob({ id });
      expect(job.status).toBe(status);
      return job;
    },
    { timeoutMs: 30_000 },
  );
const waiting = {
  steps: [
    { id: 'first', kind: 'transform', value: 1, next: 'go' },
    { id: 'go', kind: 'wait', signal: 'go', next: 'last' },
    { id: 'last', kind: 'transform', value: { said: '${steps.go.output}' } },
  ],
  output: { said: '${steps.last.output.said}' },
};

test('a job has a status, progress and a result, as its run has', async () => {
  const workflowId = await fleet.activate(waiting);
  const { id, createdBy } = await fleet.instances.startInstance({ workflowId });
  const running = await eventually(async () => {
    const job = await fleet.jobs.getJob({ id });
    expect(job.progress?.current).toEqual(['go']);
    return job;
  });
  expect(running).toMatchObject({
    kind: JobKind.WORKFLOW_RUN,
    status: JobStatus.RUNNING,
    progress: { done: 1, total: 3 },
    createdBy,
  });
  expect(running.progress?.fraction).toBeCloseTo(1 / 3);
  await fleet.instances.pauseInstance({ id });
  await become(id, JobStatus.PAUSED);
  await fleet.instances.resumeInstance({ id });
  await fleet.instances.signalInstance({ id, name: 'go', payload: { yes: true } });
  expect(await become(id, JobStatus.COMPLETED)).toMatchObject({
    progress: { done: 3, total: 3, fraction: 1, current: [] },
    result: { said: { yes: true } },
  });
});

test('cancelling a job reaches its run: what that did is undone first', async () => {
  const { steps } = quickWatch() as { steps: object[] };
  const [open] = steps;
  const workflowId = await fleet.activate({
    ...quickWatch(),
    steps: [
      { ...open, next: 'go' },
      { id: 'go', kind: 'wait', signal: 'go' },
    ],
  });
  const before = fleet.tracker.undone();
  const id = await fleet.start(workflowId);
  await eventually(async () => expect((await fleet.jobs.getJob({ id })).progress?.current).toEqual(['go']));
  const asked = await fleet.jobs.cancelJob({ id, reason: 'Enough.' });
  expect([JobStatus.RUNNING, JobStatus.UNDOING, JobStatus.CANCELLED]).toContain(asked.status);
  expect(await become(id, JobStatus.CANCELLED)).toMatchObject({ errorReason: 'CANCELLED', errorMessage: 'Enough.' });
  expect(fleet.tracker.undone()).toBe(before + 1);
  expect(await fleet.instances.getInstance({ id })).toMatchObject({ status: InstanceStatus.CANCELLED });
  expect(await fleet.jobs.cancelJob({ id })).toMatchObject({ status: JobStatus.CANCELLED });
});

test('a job whose undo is under way says so; a run out of time is a failure', async () => {
  const { steps } = quickWatch() as { steps: object[] };
  const [open] = steps;
  const workflowId = await fleet.activate({
    ...quickWatch(),
    timeoutMs: 1000,
    steps: [
      { ...open, next: 'go' },
      { id: 'go', kind: 'wait', signal: 'go' },
    ],
  });
  await fleet.tracker.mood({ on: 'undo', action: 'hold', ms: 4000 });
  const id = await fleet.start(workflowId);
  await become(id, JobStatus.UNDOING);
  expect(await become(id, JobStatus.FAILED)).toMatchObject({ errorReason: 'RUN_TIMED_OUT' });
});

test('jobs are listed by status and owner, page by page; a run inside of a run is part of the outer one’s', async () => {
  const mine = await fleet.as(fleet.address, { userId: randomUUID() });
  const innerId = await fleet.activate({ steps: [{ id: 'a', kind: 'transform', value: 1 }] });
  const outerId = await fleet.activate({ steps: [{ id: 'in', kind: 'workflow', workflowId: innerId }] });
  const waits = await fleet.activate(waiting);
  const start = async (workflowId: string) => (await mine.instances.startInstance({ workflowId })).id;
  const ids = [await start(outerId), await start(innerId), await start(waits)];
  for (const id of ids.slice(0, 2)) await become(id, JobStatus.COMPLETED);
  const createdBy = (await fleet.jobs.getJob({ id: ids[0] ?? '' })).createdBy;
  const list = async (status: JobStatus, pageSize = 100) => {
    const found: string[] = [];
    for (let pageToken = ''; ; ) {
      const page = await mine.jobs.listJobs({ createdBy, status, pageSize, pageToken, kind: JobKind.WORKFLOW_RUN });
      found.push(...page.jobs.map(({ id }) => id));
      pageToken = page.nextPageToken;
      if (pageToken === '') return found;
    }
  };
  expect(await list(JobStatus.UNSPECIFIED)).toEqual([...ids].reverse());
  expect(await list(JobStatus.UNSPECIFIED, 1)).toEqual([...ids].reverse());
  expect(await list(JobStatus.COMPLETED)).toEqual([ids[1], ids[0]]);
  expect(await list(JobStatus.RUNNING)).toEqual([ids[2]]);
  for (const status of [JobStatus.UNDOING, JobStatus.FAILED, JobStatus.CANCELLED])
    expect(await list(status)).toEqual([]);
  await mine.jobs.cancelJob({ id: ids[2] ?? '' });
  await become(ids[2] ?? '', JobStatus.CANCELLED);
  expect(await list(JobStatus.CANCELLED)).toEqual([ids[2]]);
  mine.close();
});

test('a stranger’s job does not exist', async () => {
  const workflowId = await fleet.activate(quickWatch());
  const { id } = await fleet.instances.startInstance({ workflowId, input: inputFor(fleet.tracker.url) });
  const stranger = await fleet.as(fleet.address, { tenantId: randomUUID() });
  await expect(stranger.jobs.getJob({ id })).rejects.toMatchObject({ code: 'not_found', reason: 'JOB_NOT_FOUND' });
  await expect(stranger.jobs.cancelJob({ id })).rejects.toMatchObject({ reason: 'JOB_NOT_FOUND' });
  expect((await stranger.jobs.listJobs({})).jobs).toEqual([]);
  stranger.close();
  await fleet.ended(id);
});
