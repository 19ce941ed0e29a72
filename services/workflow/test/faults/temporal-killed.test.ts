import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InstanceStatus } from '@flotilla/contracts/workflow';
import { type RunningServer, startServer } from '@flotilla/deploy';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWorkflow, type WorkflowHarness } from '../harness.ts';
import { wellScript } from '../neighbours.ts';

let stateDir: string;
let temporal: RunningServer;
let fleet: WorkflowHarness;
beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'flotilla-temporal-'));
  temporal = await startServer('temporal', { stateDir });
  fleet = await startWorkflow({ FLOTILLA_TEMPORAL_ADDRESS: temporal.address });
});
afterAll(async () => {
  await fleet.stop();
  await temporal.stop();
  await rm(stateDir, { recursive: true });
});

test('Temporal killed in the middle of a step: runs under way go on, runs accepted meanwhile start, every effect happens once', async () => {
  const well = wellScript();
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  fleet.neighbours.script.execute = async (prompt, call) => {
    asked += 1;
    if (asked === 1) await gate.promise;
    return well.execute(prompt, call);
  };
  const workflowId = await fleet.activate();
  const underWay = await fleet.start(workflowId);
  await eventually(() => asked === 1);
  await temporal.kill();
  const accepted = await fleet.start(workflowId);
  gate.resolve();
  await temporal.restart();
  for (const id of [underWay, accepted]) {
    expect(await fleet.ended(id, 120_000)).toMatchObject({ status: InstanceStatus.COMPLETED });
  }
  expect(fleet.tracker.counts()).toMatchObject({ opened: 2, published: 2, duplicates: 0, orphans: 0 });
  expect(fleet.neighbours.notifications.size).toBe(2);
});
