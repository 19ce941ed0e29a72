import { InstanceStatus } from '@flotilla/contracts/workflow';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Surroundings, surround, verbs } from '../harness.ts';
import { wellScript } from '../neighbours.ts';
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
  const process = await startProcess(around.env);
  processes.push(process);
  return process;
}

test('a driver that was stopped while another took over writes nothing when it wakes up', async () => {
  const { neighbours, database } = around;
  const sleeper = await start();
  const well = wellScript();
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  neighbours.script = {
    ...well,
    async execute(prompt, call) {
      asked += 1;
      if (asked === 1) await gate.promise;
      return well.execute(prompt, call);
    },
  };
  const first = await around.as(sleeper.address);
  const run = verbs(first, around);
  const workflowId = await run.activate();
  const id = await run.start(workflowId);
  await eventually(() => asked === 1);
  sleeper.kill('SIGSTOP');

  const successor = await start();
  const second = await around.as(successor.address);
  expect(await verbs(second, around).ended(id, 120_000)).toMatchObject({ status: InstanceStatus.COMPLETED });
  const journal = () =>
    database.query<{ seq: number; kind: string; step_id: string }>(
      `select seq, kind, step_id from workflow_journal where instance_id = '${id}' order by seq`,
    );
  const written = await journal();

  gate.resolve();
  sleeper.kill('SIGCONT');
  await successor.end();
  // What comes later in the same process: once it is through, the answer to the stale attempt has been dealt with.
  neighbours.script = well;
  const later = await run.start(workflowId);
  expect(await run.ended(later, 60_000)).toMatchObject({ status: InstanceStatus.COMPLETED });
  expect(await journal()).toEqual(written);
  expect(written.filter(({ kind, step_id }) => kind === 'step_completed' && step_id === 'summarise')).toHaveLength(1);
  expect(around.tracker.counts()).toMatchObject({ opened: 2, duplicates: 0, orphans: 0 });
  await sleeper.end();
  first.close();
  second.close();
});

test('a process that is asked to stop in the middle of a step leaves the step to another', async () => {
  const { neighbours } = around;
  const leaving = await start();
  const well = wellScript();
  let asked = 0;
  neighbours.script = {
    ...well,
    execute: (prompt, call) => {
      asked += 1;
      if (asked > 1) return well.execute(prompt, call);
      return new Promise((_resolve, reject) => call.signal.addEventListener('abort', () => reject(call.signal.reason)));
    },
  };
  const first = await around.as(leaving.address);
  const run = verbs(first, around);
  const id = await run.start(await run.activate());
  await eventually(() => asked === 1);
  leaving.kill('SIGTERM');
  const successor = await start();
  const second = await around.as(successor.address);
  expect(await verbs(second, around).ended(id, 120_000)).toMatchObject({ status: InstanceStatus.COMPLETED });
  first.close();
  second.close();
});
