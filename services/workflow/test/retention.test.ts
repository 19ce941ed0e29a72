import type { JsonObject } from '@bufbuild/protobuf';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWorkflow, type WorkflowHarness } from './harness.ts';

let fleet: WorkflowHarness;
beforeAll(async () => {
  fleet = await startWorkflow();
});
afterAll(() => fleet.stop());

/** The clock is an argument: what the sweep does each hour, some days from now. */
const forget = async (days: number, keepDays: number) =>
  Number(
    (
      await fleet.database.query<{ n: string }>(
        `select forget_runs(now() + make_interval(days => $1), make_interval(days => $2), 100) as n`,
        [days, keepDays],
      )
    )[0]?.n,
  );

/** Tables that still hold something of the run, whichever tables refer to runs. */
async function tablesWith(instanceId: string): Promise<string[]> {
  const tables = await fleet.database.query<{ name: string }>(
    `select conrelid::regclass::text as name from pg_constraint
     where contype = 'f' and confrelid = 'workflow_instances'::regclass and conrelid <> confrelid`,
  );
  const holding: string[] = [];
  for (const { name } of tables) {
    const found = await fleet.database.query(`select from ${name} where instance_id = $1`, [instanceId]);
    if (found.length > 0) holding.push(name);
  }
  return holding.sort();
}

const effect: JsonObject = {
  id: 'open',
  kind: 'http',
  url: '${input.tracker}/records',
  body: { title: 'kept', runId: '${run.id}' },
  undo: { url: '${input.tracker}/undo', body: { key: '${effect.key}' } },
  next: 'large',
};

test('runs are forgotten when they are old, with all that is kept of them and of the runs inside; others stay', async () => {
  const inner = await fleet.activate({
    steps: [effect, { id: 'large', kind: 'transform', value: '${input.text + input.text}' }],
  });
  const outer = await fleet.activate({
    steps: [
      {
        id: 'child',
        kind: 'workflow',
        workflowId: inner,
        next: 'ask',
        input: { tracker: '${input.tracker}', text: '${input.text}' },
      },
      {
        id: 'ask',
        kind: 'approval',
        title: 'Go on?',
        approvers: { permission: 'workflows:write' },
        expiresInMs: 300,
        onExpiry: 'fail',
      },
    ],
  });
  const waiting = await fleet.activate({ steps: [{ id: 'hold', kind: 'wait', signal: 'go' }] });
  const old = await fleet.start(outer, { text: 'x'.repeat(50_000) });
  const open = await fleet.start(waiting);
  await fleet.ended(old);
  const [child] = (await fleet.instances.listInstances({ parentInstanceId: old })).instances;
  const childId = child?.id ?? '';
  expect(await tablesWith(childId)).toEqual(
    expect.arrayContaining(['saga_compensations', 'tasks', 'workflow_journal', 'workflow_payloads']),
  );
  expect(await tablesWith(old)).toEqual(expect.arrayContaining(['approvals', 'tasks', 'workflow_journal']));

  expect(await forget(30, 31)).toBe(0);
  expect(await fleet.instances.getInstance({ id: old })).toMatchObject({ id: old });
  expect(await forget(32, 31)).toBe(2);
  for (const id of [old, childId]) {
    expect(await tablesWith(id)).toEqual([]);
    await expect(fleet.instances.getInstance({ id })).rejects.toMatchObject({ reason: 'INSTANCE_NOT_FOUND' });
  }
  expect(await fleet.instances.getInstance({ id: open })).toMatchObject({ id: open });
  await fleet.instances.cancelInstance({ id: open });
});

test('a run whose time is up is found by the service itself', async () => {
  const id = await fleet.start(await fleet.activate({ steps: [{ id: 'one', kind: 'transform', value: 1 }] }));
  await fleet.ended(id);
  await fleet.database.query(`update workflow_instances set settled_at = now() - interval '401 days' where id = $1`, [
    id,
  ]);
  const replica = await fleet.replica();
  try {
    await eventually(() =>
      expect(fleet.instances.getInstance({ id })).rejects.toMatchObject({ reason: 'INSTANCE_NOT_FOUND' }),
    );
  } finally {
    await replica.stop();
  }
});
