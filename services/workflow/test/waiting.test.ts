import { InstanceStatus, TaskStatus } from '@flotilla/contracts/workflow';
import { createLogger, createMetrics } from '@flotilla/observability';
import { createDatabase, type Database } from '@flotilla/postgres';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Moving } from '../src/commands/advance.ts';
import { createDefinitions } from '../src/commands/definitions.ts';
import { createNews } from '../src/commands/news.ts';
import { driverScope } from '../src/commands/perform.ts';
import { lockRun } from '../src/commands/run.ts';
import { createRunStates } from '../src/commands/run-states.ts';
import { settleSuspended } from '../src/commands/settle-suspended.ts';
import type { Schema } from '../src/db/schema.ts';
import { createDefinitionReader } from '../src/domain/read-definition.ts';
import { stepKinds } from '../src/steps/catalogue.ts';
import { startWorkflow, type WorkflowHarness } from './harness.ts';

let fleet: WorkflowHarness;
let db: Database<Schema>;
const moving: Moving = {
  definitions: createDefinitions(createDefinitionReader(stepKinds)),
  performers: new Map(),
  states: createRunStates(),
  news: createNews(),
  now: () => new Date(),
  ended: async () => undefined,
};
beforeAll(async () => {
  fleet = await startWorkflow();
  const [metrics, log] = [createMetrics('test'), createLogger({ service: 'test', level: 'silent' })];
  db = createDatabase<Schema>({ url: fleet.database.appUrl, maxConnections: 2, applicationName: 'test', metrics, log });
});
afterAll(async () => {
  await db.close();
  await fleet.stop();
});

const waiting = { steps: [{ id: 'rest', kind: 'wait', duration: 'PT1H' }], output: { left: '${steps.rest.output}' } };
const underWay = (id: string) =>
  eventually(async () => {
    const { currentSteps } = await fleet.instances.getInstance({ id });
    if (currentSteps[0] !== 'rest') throw new Error('The run has not come to its step.');
  });
const settle = (id: string) =>
  db.inTenant(driverScope(fleet.tenantId), async (tx) =>
    settleSuspended(moving, tx, await lockRun(moving, tx, id), { path: 'rest', visit: 1 }, { facts: { output: 'so' } }),
  );

test('a run waits for its time and goes on by itself', async () => {
  const id = await fleet.start(
    await fleet.activate({
      steps: [
        { id: 'rest', kind: 'wait', duration: 1200, next: 'again' },
        { id: 'again', kind: 'wait', until: "${timestamp(steps.rest.output.until) + duration('0.3s')}" },
      ],
    }),
  );
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED });
  const { tasks } = await fleet.instances.listTasks({ instanceId: id });
  expect(tasks).toMatchObject([
    { path: 'rest', stepKind: 'wait', status: TaskStatus.COMPLETED },
    { path: 'again', status: TaskStatus.COMPLETED },
  ]);
  const ms = tasks.map(({ duration }) => Number(duration?.seconds ?? 0n) * 1000 + (duration?.nanos ?? 0) / 1e6);
  expect(ms[0]).toBeGreaterThanOrEqual(1200);
});

test('a command brings the outcome that a step waits for, once; a wake that was lost is made good', async () => {
  const id = await fleet.start(await fleet.activate(waiting));
  await underWay(id);
  await settle(id); // and nobody wakes the driver
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED, output: { left: 'so' } });
  await expect(settle(id)).rejects.toMatchObject({ code: 'failed_precondition', reason: 'STEP_NOT_WAITING' });
  await eventually(async () => {
    const rows = await fleet.database.query('select wake_wanted_at from workflow_instances where id = $1', [id]);
    expect(rows).toEqual([{ wake_wanted_at: null }]);
  });
});

test('a waiting run is cancelled at once, and a run’s time limit ends its waits', async () => {
  const id = await fleet.start(await fleet.activate(waiting));
  await underWay(id);
  await fleet.instances.cancelInstance({ id });
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.CANCELLED, errorReason: 'CANCELLED' });
  const late = await fleet.start(await fleet.activate({ ...waiting, timeoutMs: 1500 }));
  expect(await fleet.ended(late)).toMatchObject({ status: InstanceStatus.TIMEOUT, errorReason: 'RUN_TIMED_OUT' });
});
