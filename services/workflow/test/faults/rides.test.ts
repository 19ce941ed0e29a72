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

async function start(): Promise<ServiceProcess> {
  const process = await startProcess({ ...around.env, ...drivers[0].env });
  processes.push(process);
  return process;
}

const journalOf = (id: string) =>
  around.database.query<{ kind: string; step_id: string; attempts: number | null }>(
    `select seq, kind, step_id, (entry ->> 'attempts')::integer as attempts
     from workflow_journal where instance_id = '${id}' order by seq`,
  );

test('a ride that stood still until another process had its step claimed writes nothing and begins nothing', async () => {
  const { tracker, database } = around;
  const sleeper = await start();
  const first = await around.as(sleeper.address);
  const run = verbs(first, around);
  const workflowId = await run.activate(quickWatch({}, { timeoutMs: 60_000 }));
  // The first answer is there when the sleeper wakes up, the second one comes later.
  await tracker.mood({ on: 'open', action: 'hold', ms: 2_000 });
  await tracker.mood({ on: 'open', action: 'hold', ms: 8_000 });
  const id = await run.start(workflowId);
  await eventually(() => tracker.counts().opened === 1);
  sleeper.kill('SIGSTOP');

  const successor = await start();
  const second = await around.as(successor.address);
  const isClaimed = async () => (await database.query(`select id from tasks where claim > 0`)).length === 1;
  await eventually(isClaimed, { timeoutMs: 30_000 });
  sleeper.kill('SIGCONT');

  expect(await verbs(second, around).ended(id, 60_000)).toMatchObject({ status: InstanceStatus.COMPLETED });
  // What comes later in the same process: once it is through, the answer to the stale attempt has been dealt with.
  await successor.end();
  const later = await run.start(workflowId);
  expect(await run.ended(later, 60_000)).toMatchObject({ status: InstanceStatus.COMPLETED });
  const outcomes = (await journalOf(id)).filter(({ kind }) => kind === 'step_completed');
  expect(outcomes.map(({ step_id, attempts }) => `${step_id} ${attempts}`)).toEqual(['open 2', 'route 1', 'publish 1']);
  const { answered } = tracker;
  expect(answered().filter((line) => line.endsWith('/publish 200'))).toHaveLength(2);
  expect(tracker.counts()).toMatchObject({ opened: 2, published: 2, duplicates: 0, orphans: 0 });
  first.close();
  second.close();
});
