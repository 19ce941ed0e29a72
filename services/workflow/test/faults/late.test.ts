import { CompensationState, InstanceStatus } from '@flotilla/contracts/workflow';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWorkflow, type WorkflowHarness } from '../harness.ts';
import { releaseWatch } from '../release-watch.ts';

let fleet: WorkflowHarness;
beforeAll(async () => {
  fleet = await startWorkflow();
});
afterAll(() => fleet.stop());

test('an effect that is applied long after its caller gave up finds the tombstone of its undo', async () => {
  const definition = releaseWatch();
  const [open] = definition['steps'] as { timeoutMs: number; retry: object }[];
  Object.assign(open ?? {}, { timeoutMs: 500, retry: { maxAttempts: 1 } });
  await fleet.tracker.mood({ on: 'open', action: 'late', ms: 4000 });
  const id = await fleet.start(await fleet.activate(definition));
  expect(await fleet.ended(id)).toMatchObject({
    status: InstanceStatus.FAILED,
    errorReason: 'STEP_TIMED_OUT',
    compensation: CompensationState.COMPLETE,
  });
  expect(fleet.tracker.answered()).not.toContain('POST /records 409');
  await eventually(() => fleet.tracker.answered().includes('POST /records 409'), { timeoutMs: 20_000 });
  expect(fleet.tracker.counts()).toMatchObject({ opened: 0, withdrawn: 0, orphans: 0 });
});
