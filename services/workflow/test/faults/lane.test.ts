import { InstanceStatus } from '@flotilla/contracts/workflow';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drivers, type Surroundings, surround, verbs } from '../harness.ts';
import { quickWatch } from '../release-watch.ts';
import { type ServiceProcess, startProcess } from './process.ts';

let around: Surroundings;
const processes: ServiceProcess[] = [];
beforeAll(async () => {
  around = await surround();
});
afterAll(async () => {
  await Promise.all(processes.map((process) => process.end()));
  await around.stop();
});

async function start(env: Record<string, string> = {}): Promise<ServiceProcess> {
  const process = await startProcess({ ...around.env, ...drivers[1].env, ...env });
  processes.push(process);
  return process;
}

const journalOf = (id: string) =>
  around.database.query<{ kind: string; step_id: string }>(
    `select seq, kind, step_id from workflow_journal where instance_id = '${id}' order by seq`,
  );

test('a lane that stood still past its lease has lost its run: what it knows and does then is refused', async () => {
  const { tracker } = around;
  const sleeper = await start();
  const first = await around.as(sleeper.address);
  const run = verbs(first, around);
  const workflowId = await run.activate(quickWatch({}, { timeoutMs: 60_000 }));
  await tracker.mood({ on: 'open', action: 'hold', ms: 6_000 });
  const id = await run.start(workflowId);
  await eventually(() => tracker.counts().opened === 1);
  sleeper.kill('SIGSTOP');

  const successor = await start();
  const second = await around.as(successor.address);
  expect(await verbs(second, around).ended(id, 60_000)).toMatchObject({ status: InstanceStatus.COMPLETED });
  const written = await journalOf(id);
  const answered = () => tracker.answered().filter((line) => line.startsWith('POST /records ')).length;
  await eventually(() => answered() >= 2, { timeoutMs: 20_000 });

  sleeper.kill('SIGCONT');
  await successor.end();
  // What comes later in the same process: once it is through, the answer to the stale attempt has been dealt with.
  const later = await run.start(workflowId);
  expect(await run.ended(later, 60_000)).toMatchObject({ status: InstanceStatus.COMPLETED });
  expect(await journalOf(id)).toEqual(written);
  expect(written.filter(({ kind, step_id }) => kind === 'step_completed' && step_id === 'open')).toHaveLength(1);
  expect(tracker.counts()).toMatchObject({ opened: 2, published: 2, duplicates: 0, orphans: 0 });
  await sleeper.end();
  first.close();
  second.close();
});

test('a process dies with a full lane and a queue: another goes on with both, every effect happens once', async () => {
  const { tracker, database } = around;
  const before = tracker.counts();
  const victim = await start({ WORKFLOW_LANE_RUNS: '2' });
  const first = await around.as(victim.address);
  const run = verbs(first, around);
  const workflowId = await run.activate(quickWatch({}, { timeoutMs: 60_000 }));
  for (let held = 0; held < 2; held += 1) await tracker.mood({ on: 'open', action: 'hold', ms: 30_000 });
  const ids: string[] = [];
  for (let one = 0; one < 6; one += 1) ids.push(await run.start(workflowId));
  await eventually(() => tracker.counts().opened === before.opened + 2);
  expect(await database.query(`select id from workflow_instances where driver = 'queued'`)).toHaveLength(4);
  await victim.end();
  first.close();

  const successor = await start();
  const second = await around.as(successor.address);
  for (const id of ids) {
    expect(await verbs(second, around).ended(id, 60_000)).toMatchObject({ status: InstanceStatus.COMPLETED });
  }
  expect(tracker.counts()).toMatchObject({
    opened: before.opened + 6,
    published: before.published + 6,
    duplicates: before.duplicates,
    orphans: 0,
  });
  second.close();
});
