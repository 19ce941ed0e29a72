import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import {
  CompensationState,
  CompensationStatus,
  InstanceStatus,
  TaskStatus,
  TaskValuePart,
} from '@flotilla/contracts/workflow';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWorkflow, type WorkflowHarness } from './harness.ts';

let fleet: WorkflowHarness;
beforeAll(async () => {
  fleet = await startWorkflow();
});
afterAll(() => fleet.stop());

type Json = Parameters<WorkflowHarness['activate']>[0] & object;
const record = (id: string, title: string, rest: object = {}) => ({
  id,
  kind: 'http',
  url: '${input.tracker}/records',
  body: { title, runId: '${run.id}' },
  undo: { url: '${input.tracker}/undo', body: { key: '${effect.key}' } },
  retry: { maxAttempts: 1 },
  ...rest,
});
const refused = (id: string) => record(id, 'x', { url: '${input.tracker}/nowhere' });
const run = async (definition: object, input: JsonObject = {}) =>
  fleet.ended(await fleet.start(await fleet.activate(definition as Json), input));
const undosOf = async (instanceId: string) =>
  (await fleet.instances.listCompensations({ instanceId })).compensations.map(({ path, status }) => {
    expect(status).toBe(CompensationStatus.COMPLETED);
    return path;
  });

test('branches and items are performed at once, each under a key of its own; their tasks say where they stand', async () => {
  const before = fleet.tracker.counts();
  const instance = await run({
    steps: [
      {
        id: 'fan',
        kind: 'parallel',
        branches: [
          { name: 'left', steps: [record('one', 'left')], output: '${steps.one.output.status}' },
          {
            name: 'right',
            steps: [
              {
                id: 'each',
                kind: 'map',
                items: "${['a', 'b', 'c', 'd', 'e']}",
                maxConcurrency: 3,
                steps: [
                  record('send', '${item}', { next: 'mark' }),
                  { id: 'mark', kind: 'transform', value: '${item}${index}' },
                ],
              },
            ],
          },
        ],
      },
    ],
    output: { left: '${steps.fan.output.left}', right: '${steps.fan.output.right}' },
  });
  expect(instance).toMatchObject({
    status: InstanceStatus.COMPLETED,
    output: { left: 201, right: ['a0', 'b1', 'c2', 'd3', 'e4'] },
    stepsDone: 5,
    stepsTotal: 5,
  });
  expect(fleet.tracker.counts()).toMatchObject({ opened: before.opened + 6, duplicates: 0 });
  const { tasks } = await fleet.instances.listTasks({ instanceId: instance.id, pageSize: 50 });
  expect(tasks.every(({ status }) => status === TaskStatus.COMPLETED)).toBe(true);
  const fourth = tasks.find(({ path }) => path === 'fan[right]/each[3]/send');
  expect(fourth).toMatchObject({ stepId: 'send', effectKey: `${instance.id}/fan[right]/each[3]/send#1/do` });
  expect(tasks).toHaveLength(2 + 1 + 10);
});

test('a branch that fails gives the others up; all that was done is undone, the latest first', async () => {
  const before = fleet.tracker.counts();
  const instance = await run({
    steps: [
      record('open', 'first', { next: 'fan' }),
      {
        id: 'fan',
        kind: 'parallel',
        branches: [
          {
            name: 'good',
            steps: [record('one', 'a', { next: 'rest' }), { id: 'rest', kind: 'wait', duration: 'PT1H' }],
          },
          { name: 'bad', steps: [{ id: 'soon', kind: 'wait', duration: 300, next: 'bad' }, refused('bad')] },
        ],
      },
    ],
  });
  expect(instance).toMatchObject({
    status: InstanceStatus.FAILED,
    compensation: CompensationState.COMPLETE,
    errorReason: 'HTTP_STATUS',
    errorStep: 'fan[bad]/bad',
  });
  expect(await undosOf(instance.id)).toEqual(['fan[bad]/bad', 'fan[good]/one', 'open']);
  const counts = fleet.tracker.counts();
  expect([counts.opened - before.opened, counts.withdrawn - before.withdrawn]).toEqual([2, 2]);
});

test('any branch is enough: the others are undone while the run goes on; collected items and caught steps are undone alone', async () => {
  const instance = await run({
    steps: [
      {
        id: 'race',
        kind: 'parallel',
        join: 'any',
        branches: [
          {
            name: 'slow',
            steps: [record('one', 'a', { next: 'rest' }), { id: 'rest', kind: 'wait', duration: 'PT1H' }],
          },
          { name: 'fast', steps: [{ id: 'soon', kind: 'wait', duration: 400 }], output: 'won' },
        ],
        next: 'each',
      },
      {
        id: 'each',
        kind: 'map',
        items: '${[0, 1, 2]}',
        onItemError: 'collect',
        steps: [
          { ...record('send', 'item ${index}'), url: "${input.tracker + (item == 1.0 ? '/nowhere' : '/records')}" },
        ],
        output: '${steps.send.output.status}',
        next: 'last',
      },
      { ...refused('last'), onError: { next: '$end' } },
    ],
    output: { race: '${steps.race.output}', each: '${steps.each.output}', last: '${steps.last.error.reason}' },
  });
  expect(instance).toMatchObject({
    status: InstanceStatus.COMPLETED,
    compensation: CompensationState.COMPLETE,
    output: { race: { fast: 'won' }, each: [201, null, 201], last: 'HTTP_STATUS' },
  });
  expect(await undosOf(instance.id)).toEqual(['race[slow]/one', 'each[1]/send', 'last']);
});

test('a large value lies beside the journal, and comes back with it', async () => {
  const list = Array.from({ length: 150 }, (_, index) => `${index}`.padStart(600, '.'));
  const instance = await run(
    {
      driver: 'temporal',
      steps: [
        { id: 'big', kind: 'transform', value: '${input.list + input.list}', next: 'each' },
        {
          id: 'each',
          kind: 'map',
          items: '${steps.big.output}',
          steps: [{ id: 'one', kind: 'transform', value: '${item}!' }],
        },
      ],
      output: { last: '${steps.each.output[299]}', many: '${steps.each.output.size()}' },
    },
    { list },
  );
  expect(instance).toMatchObject({ status: InstanceStatus.COMPLETED, output: { last: `${list[149]}!`, many: 300 } });
  const { id } = instance;
  const entries = await fleet.database.query(
    "select max(length(entry::text))::int as longest, count(*) filter (where entry ? 'large')::int as large from workflow_journal where instance_id = $1 and seq > 1",
    [id],
  );
  expect(entries[0]).toMatchObject({ large: 3 });
  expect(Number(entries[0]?.['longest'])).toBeLessThan(64 * 1024);
  const { tasks } = await fleet.instances.listTasks({ instanceId: id, pageSize: 2 });
  expect(tasks).toMatchObject([
    { path: 'big', outputOmitted: true, inputOmitted: false },
    { path: 'each', outputOmitted: true, inputOmitted: true },
  ]);
  const updates = await Array.fromAsync(fleet.instances.watchInstance({ id, after: 890n }));
  expect(updates.at(-1)?.instance?.output).toEqual(instance.output);
});

test('a value that is too large for the list of tasks is read in pieces', async () => {
  const text = '🎏'.repeat(200_000);
  const double = { id: 'double', kind: 'transform', value: '${[input.text + input.text, input.text]}', next: 'each' };
  const each = {
    id: 'each',
    kind: 'map',
    items: '${steps.double.output}',
    steps: [{ ...double, id: 'one', value: 1, next: '$end' }],
  };
  const { id: instanceId } = await run({ steps: [double, each] }, { text });
  const { tasks } = await fleet.instances.listTasks({ instanceId });
  const read = async (path: string, part: TaskValuePart): Promise<unknown> => {
    const taskId = tasks.find((task) => task.path === path)?.id ?? '';
    const pieces: string[] = [];
    for (let offset = 0; pieces.length === 0 || offset > 0; ) {
      const piece = await fleet.instances.getTaskValue({ instanceId, taskId, part, offset });
      pieces.push(piece.json);
      offset = piece.nextOffset;
    }
    expect(pieces.length).toBe(path === 'each[0]/one' ? 1 : 2);
    return JSON.parse(pieces.join(''));
  };
  expect(await read('double', TaskValuePart.OUTPUT)).toEqual([text + text, text]);
  expect(await read('each', TaskValuePart.INPUT)).toEqual([text + text, text]);
  expect(await read('each[0]/one', TaskValuePart.UNSPECIFIED)).toBe(1);
  const taskId = tasks[0]?.id ?? '';
  await expect(fleet.instances.getTaskValue({ instanceId, taskId, offset: 2_000_000 })).rejects.toMatchObject({
    reason: 'OFFSET_INVALID',
  });
  const stranger = await fleet.as(fleet.address, { tenantId: randomUUID() });
  await expect(stranger.instances.getTaskValue({ instanceId, taskId })).rejects.toMatchObject({
    reason: 'TASK_NOT_FOUND',
  });
  stranger.close();
});

test('a savepoint keeps what was done before it when the run fails', async () => {
  const instance = await run({
    onFailure: { rollbackTo: 'safe' },
    steps: [record('a', 'a', { savepoint: 'safe', next: 'b' }), record('b', 'b', { next: 'c' }), refused('c')],
  });
  expect(instance).toMatchObject({ status: InstanceStatus.FAILED, compensation: CompensationState.COMPLETE });
  expect(await undosOf(instance.id)).toEqual(['c', 'b']);
});
