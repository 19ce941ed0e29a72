import { InstanceStatus } from '@flotilla/contracts/workflow';
import { eventually, testTemporalAddress } from '@flotilla/testing';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drivers, startWorkflow, type WorkflowHarness } from '../harness.ts';
import { wellScript } from '../neighbours.ts';

let fleet: WorkflowHarness;
let connection: Connection;
beforeAll(async () => {
  fleet = await startWorkflow({ ...drivers[0].env, WORKFLOW_DRIVER_SILENT_FOR_MS: '500' });
  connection = await Connection.connect({ address: testTemporalAddress() });
});
afterAll(async () => {
  await connection.close();
  await fleet.stop();
});

const epochOf = async (id: string) => {
  const [row] = await fleet.database.query<{ driver_epoch: number }>(
    `select driver_epoch from workflow_instances where id = '${id}'`,
  );
  return row?.driver_epoch;
};

const losses = {
  terminated: async (workflowId: string) => {
    await new Client({ connection }).workflow.getHandle(workflowId).terminate('somebody thought it was stuck');
  },
  deleted: async (workflowId: string) => {
    const workflowExecution = { workflowId };
    await connection.workflowService.deleteWorkflowExecution({ namespace: 'default', workflowExecution });
  },
};

test.each(Object.entries(losses))(
  'a run whose workflow was %s at Temporal is taken over; a workflow that is only slow is left alone',
  async (_loss, lose) => {
    const before = fleet.tracker.counts();
    const { execute } = wellScript();
    const gate = Promise.withResolvers<void>();
    const asked = new Set<string>();
    fleet.neighbours.script.execute = async (prompt, call) => {
      asked.add(call.idempotency?.key ?? '');
      await gate.promise;
      return execute(prompt, call);
    };
    const workflowId = await fleet.activate();
    const [lost, slow] = [await fleet.start(workflowId), await fleet.start(workflowId)];
    await eventually(() => asked.size === 2);
    await lose(lost);
    await eventually(async () => expect(await epochOf(lost)).toBe(2), { timeoutMs: 20_000 });
    gate.resolve();
    for (const id of [lost, slow])
      expect(await fleet.ended(id, 60_000)).toMatchObject({ status: InstanceStatus.COMPLETED });
    expect(await epochOf(slow)).toBe(1);
    expect(asked).toEqual(new Set([lost, slow].map((id) => `${id}/summarise#1/do`)));
    const { opened, published, duplicates, orphans } = fleet.tracker.counts();
    expect([opened - before.opened, published - before.published, duplicates, orphans]).toEqual([2, 2, 0, 0]);
  },
);
