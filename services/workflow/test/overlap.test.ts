import { type Firing, FiringStatus, InstanceStatus, OverlapPolicy } from '@flotilla/contracts/workflow';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWorkflow, type WorkflowHarness } from './harness.ts';

/** Schedules whose times come from Temporal each second, of runs that go on until they are told. */
const lasting = { steps: [{ id: 'go', kind: 'wait', signal: 'go' }] };
const patience = { timeoutMs: 60_000 };

let fleet: WorkflowHarness;
beforeAll(async () => {
  fleet = await startWorkflow();
});
afterAll(() => fleet.stop());

async function eachSecond(overlapPolicy: OverlapPolicy, maxConcurrentExecutions = 1) {
  const workflowId = await fleet.activate(lasting);
  const { id: scheduleId } = await fleet.schedules.createSchedule({
    ...{ workflowId, name: 'Each second', intervalSeconds: 1, overlapPolicy, maxConcurrentExecutions },
  });
  /** The oldest first. */
  const firings = async (): Promise<readonly Firing[]> =>
    (await fleet.schedules.listScheduleFirings({ scheduleId, pageSize: 200 })).firings.toReversed();
  const started = async () => (await firings()).filter(({ status }) => status === FiringStatus.STARTED);
  const running = async () =>
    (await fleet.instances.listInstances({ workflowId, status: InstanceStatus.RUNNING, pageSize: 200 })).instances;
  const until = (check: (known: readonly Firing[]) => void) =>
    eventually(async () => {
      const known = await firings();
      check(known);
      return known;
    }, patience);
  return {
    ...{ scheduleId, firings, started, running, until },
    end: async (firing: Firing | undefined) => {
      const id = firing?.instanceId ?? '';
      await fleet.instances.signalInstance({ id, name: 'go' });
      await fleet.ended(id, patience.timeoutMs);
    },
    pause: () => fleet.schedules.pauseSchedule({ id: scheduleId }),
  };
}

const reasons = (known: readonly Firing[], status: FiringStatus) =>
  known.filter((firing) => firing.status === status).map(({ errorReason }) => errorReason);

test('skip: a time that meets a run under way has none; the first one after its end has', async () => {
  const schedule = await eachSecond(OverlapPolicy.SKIP);
  const known = await schedule.until((firings) =>
    expect(reasons(firings, FiringStatus.SKIPPED).length).toBeGreaterThanOrEqual(3),
  );
  expect(known[0]).toMatchObject({ status: FiringStatus.STARTED });
  expect(new Set(reasons(known, FiringStatus.SKIPPED))).toEqual(new Set(['OVERLAP_SKIPPED']));
  expect(await schedule.started()).toHaveLength(1);
  await schedule.end(known[0]);
  await schedule.until((firings) =>
    expect(firings.filter(({ status }) => status === FiringStatus.STARTED)).toHaveLength(2),
  );
  expect((await schedule.running()).length).toBeLessThanOrEqual(1);
  await schedule.pause();
});

test('skip, with two at once: the third is too many', async () => {
  const schedule = await eachSecond(OverlapPolicy.SKIP, 2);
  await schedule.until((firings) => expect(reasons(firings, FiringStatus.SKIPPED).length).toBeGreaterThanOrEqual(2));
  expect(await schedule.started()).toHaveLength(2);
  expect(await schedule.running()).toHaveLength(2);
  await schedule.pause();
});

test('buffer one: one time waits for the end of the run, and starts then; the others are dropped', async () => {
  const schedule = await eachSecond(OverlapPolicy.BUFFER_ONE);
  const known = await schedule.until((firings) =>
    expect(reasons(firings, FiringStatus.SKIPPED).length).toBeGreaterThanOrEqual(2),
  );
  expect(known.slice(0, 2).map(({ status }) => status)).toEqual([FiringStatus.STARTED, FiringStatus.PENDING]);
  expect(new Set(reasons(known, FiringStatus.SKIPPED))).toEqual(new Set(['OVERLAP_BUFFER_FULL']));
  await schedule.end(known[0]);
  const after = await schedule.until((firings) => expect(firings[1]).toMatchObject({ status: FiringStatus.STARTED }));
  expect(after[1]?.id).toBe(known[1]?.id);
  await schedule.pause();
});

test('buffer all: every time waits, and they start one after the other in their order', async () => {
  const schedule = await eachSecond(OverlapPolicy.BUFFER_ALL);
  await schedule.until((firings) => expect(reasons(firings, FiringStatus.PENDING).length).toBeGreaterThanOrEqual(3));
  for (let count = 0; count < 3; count += 1) {
    const [...firings] = await schedule.until((known) =>
      expect(known[count]).toMatchObject({ status: FiringStatus.STARTED }),
    );
    // Nobody overtook it.
    const later = firings.slice(count + 1).filter(({ status }) => status !== FiringStatus.PENDING);
    expect(later).toEqual([]);
    await schedule.end(firings[count]);
  }
  await schedule.pause();
});

test('cancel other: each time starts a run, and the one before it is cancelled', async () => {
  const schedule = await eachSecond(OverlapPolicy.CANCEL_OTHER);
  const known = await schedule.until((firings) =>
    expect(firings.filter(({ status }) => status === FiringStatus.STARTED).length).toBeGreaterThanOrEqual(3),
  );
  await schedule.pause();
  for (const { instanceId } of known.slice(0, 2)) {
    expect(await fleet.ended(instanceId, patience.timeoutMs)).toMatchObject({
      status: InstanceStatus.CANCELLED,
      errorMessage: 'Its schedule has started the next run.',
    });
  }
  expect(reasons(await schedule.firings(), FiringStatus.SKIPPED)).not.toContain('OVERLAP_SKIPPED');
});

test('allow all: runs go on beside each other', async () => {
  const schedule = await eachSecond(OverlapPolicy.ALLOW_ALL);
  await eventually(async () => expect((await schedule.running()).length).toBeGreaterThanOrEqual(3), patience);
  const known = await schedule.firings();
  await schedule.pause();
  expect(reasons(known, FiringStatus.SKIPPED)).toEqual([]);
});
