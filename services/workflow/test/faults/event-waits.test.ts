import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Surroundings, surround, verbs } from '../harness.ts';
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

const hold = (id: string, rest: JsonObject = {}): JsonObject => ({
  ...{ id, kind: 'wait', event: 'flotilla.workflow.v1.WorkflowCreated', when: 'event.workflow.slug == input.slug' },
  ...rest,
});

test('a process that dies while an event ends hundreds of waits leaves the others to the next one, which ends no later ones', async () => {
  const { database } = around;
  const waiting = async (step: string) =>
    Number(
      (
        await database.query<{ n: string }>(`select count(*) as n from workflow_event_waits where step_id = '${step}'`)
      )[0]?.n,
    );
  const first = await start();
  const clients = await around.as(first.address);
  const run = verbs(clients, around);
  const slug = `w-${randomUUID()}`;
  const workflowId = await run.activate({
    steps: [
      {
        ...{ id: 'each', kind: 'map', items: '${input.items}', maxConcurrency: 100 },
        steps: [hold('hold', { next: 'again' }), hold('again')],
        output: '${steps.hold.eventId}',
      },
    ],
  });
  const items = Array.from({ length: 100 }, (_, index) => index);
  for (let runs = 0; runs < 5; runs += 1) await run.start(workflowId, { slug, items });
  await eventually(async () => expect(await waiting('hold')).toBe(500), { timeoutMs: 30_000 });

  const definition = { steps: [{ id: 'only', kind: 'transform', value: 1 }] };
  await clients.workflows.createWorkflow({ name: 'Some', slug, definition });
  await eventually(async () => expect(await waiting('hold')).toBeLessThan(500), { intervalMs: 5 });
  await first.end();
  const left = await waiting('hold');
  expect(left).toBeGreaterThan(50);

  await start();
  await eventually(async () => expect(await waiting('hold')).toBe(0), { timeoutMs: 60_000 });
  const known = () => database.query(`select event_id from inbox where consumer = 'workflow-triggers'`);
  await eventually(async () => expect(await known()).toHaveLength(1), { timeoutMs: 30_000 });
  expect(await waiting('again')).toBe(500);
  const [ends] = await database.query(
    `select count(*) as ends, count(distinct (instance_id, entry ->> 'path')) as steps, count(distinct entry #>> '{facts,eventId}') as events
     from workflow_journal where kind = 'step_completed' and step_id in ('hold', 'again')`,
  );
  expect(ends).toEqual({ ends: '500', steps: '500', events: '1' });
  clients.close();
});
