import { readdirSync, readFileSync } from 'node:fs';
import { CompensationState, InstanceStatus, Verdict } from '@flotilla/contracts/workflow';
import { eventually, testTemporalAddress } from '@flotilla/testing';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inputFor, startWorkflow, type WorkflowHarness } from './harness.ts';
import { checkHistory, type Histories, readHistories, recordings, replay } from './history.ts';
import { wellScript } from './neighbours.ts';

let fleet: WorkflowHarness;
let histories: Histories;
beforeAll(async () => {
  fleet = await startWorkflow();
  histories = await readHistories(testTemporalAddress());
});
afterAll(async () => {
  await histories.close();
  await fleet.stop();
});

async function check(name: string, id: string): Promise<void> {
  for (const history of await histories.of(id)) await checkHistory(name, id, history);
}

test('recorded histories are replayed by the workflow code of today', async () => {
  const files = readdirSync(recordings);
  expect(files.length).toBeGreaterThanOrEqual(30);
  for (const file of files) {
    await replay(historyFromJSON(JSON.parse(readFileSync(`${recordings}/${file}`, 'utf8'))));
  }
});

test('a history that the code would not have made is noticed', async () => {
  const text = readFileSync(`${recordings}/completed.json`, 'utf8').replaceAll('performStep', 'performAnotherStep');
  await expect(replay(historyFromJSON(JSON.parse(text)))).rejects.toThrow();
});

test('histories of runs that complete, fail and are cancelled hold ids only, and can be replayed', async () => {
  const workflowId = await fleet.activate();
  const completed = await fleet.start(workflowId);
  expect(await fleet.ended(completed)).toMatchObject({ status: InstanceStatus.COMPLETED });
  fleet.neighbours.script.send = async () => {
    throw new Error('out of order');
  };
  const failed = await fleet.start(workflowId);
  expect(await fleet.ended(failed)).toMatchObject({ status: InstanceStatus.FAILED });
  fleet.neighbours.script = {
    ...wellScript(),
    execute: (_prompt, call) =>
      new Promise((_resolve, reject) => call.signal.addEventListener('abort', () => reject(call.signal.reason))),
  };
  const cancelled = await fleet.start(workflowId);
  await eventually(() => fleet.neighbours.received.some(({ key }) => key === `${cancelled}/summarise#1/do`));
  await fleet.instances.cancelInstance({ id: cancelled });
  expect(await fleet.ended(cancelled)).toMatchObject({ status: InstanceStatus.CANCELLED });

  for (const [name, id] of Object.entries({ completed, failed, cancelled })) await check(name, id);
});

test('so do those of runs with branches, items, waits and roll-backs, whether they complete or fail', async () => {
  fleet.neighbours.script = wellScript();
  const record = (id: string) => ({
    id,
    kind: 'http',
    url: '${input.tracker}/records',
    body: { title: 'Summarise', runId: '${run.id}' },
    undo: { url: '${input.tracker}/undo', body: { key: '${effect.key}' } },
  });
  const blocks = (last: object) => ({
    driver: 'temporal',
    timeoutMs: 60_000,
    steps: [
      {
        id: 'race',
        kind: 'parallel',
        join: 'any',
        branches: [
          {
            name: 'slow',
            steps: [
              { ...record('one'), next: 'rest' },
              { id: 'rest', kind: 'wait', duration: 'PT1H' },
            ],
          },
          { name: 'fast', steps: [{ id: 'soon', kind: 'wait', duration: 300 }] },
        ],
        next: 'each',
      },
      { id: 'each', kind: 'map', items: '${[1, 2, 3]}', steps: [record('send')], next: 'last' },
      { id: 'last', kind: 'wait', ...last },
    ],
  });
  const completed = await fleet.start(await fleet.activate(blocks({ duration: 10 })));
  expect(await fleet.ended(completed)).toMatchObject({ status: InstanceStatus.COMPLETED });
  const failed = await fleet.start(await fleet.activate(blocks({ until: '${input.package}' })));
  expect(await fleet.ended(failed)).toMatchObject({ status: InstanceStatus.FAILED, errorReason: 'WAIT_INVALID' });
  for (const [name, id] of Object.entries({ completed, failed })) await check(`blocks-${name}`, id);
});

test('so can those of a run that people approved, and of one whose inner run took back what it did', async () => {
  fleet.neighbours.script = wellScript();
  const ask = { id: 'ask', kind: 'approval', title: 'Go on?', approvers: { permission: 'approvals:decide' } };
  const approved = await fleet.start(await fleet.activate({ steps: [ask] }));
  const approval = await eventually(async () => {
    const [found] = (await fleet.approvals.listApprovals({ instanceId: approved })).approvals;
    if (found === undefined) throw new Error('Nobody is asked yet.');
    return found;
  });
  await fleet.approvals.decideApproval({ id: approval.id, verdict: Verdict.APPROVE });
  expect(await fleet.ended(approved)).toMatchObject({ status: InstanceStatus.COMPLETED });
  const workflowId = await fleet.activate();
  const send = { id: 'send', kind: 'notification', templateId: '${input.templateId}' };
  const child = { id: 'child', kind: 'workflow', workflowId, input: wholeInput, next: 'fail' };
  const fail = { id: 'fail', kind: 'decision', cases: [{ when: 'true', next: '$fail' }], default: { next: '$end' } };
  const nested = await fleet.start(await fleet.activate({ steps: [{ ...send, next: 'child' }, child, fail] }));
  expect(await fleet.ended(nested)).toMatchObject({
    status: InstanceStatus.FAILED,
    compensation: CompensationState.COMPLETE,
    errorReason: 'ROUTED_TO_FAILURE',
  });
  const [inner] = (await fleet.instances.listInstances({ parentInstanceId: nested })).instances;
  if (inner === undefined) throw new Error('It has started no run.');
  expect(inner).toMatchObject({ status: InstanceStatus.COMPLETED, compensation: CompensationState.COMPLETE });
  await check('approved', approved);
  await check('outer', nested);
  await check('taken-back', inner.id);
});

/** The input of the inner workflow, each field as the outer one was given it. */
const wholeInput = Object.fromEntries(Object.keys(inputFor('')).map((name) => [name, `\${input.${name}}`]));
