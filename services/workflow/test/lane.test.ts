import { setTimeout as delay } from 'node:timers/promises';
import { InstanceStatus, TaskStatus } from '@flotilla/contracts/workflow';
import { eventually, tenant, testTemporalAddress } from '@flotilla/testing';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drivers, inputFor, startWorkflow, verbs, type WorkflowHarness } from './harness.ts';
import { wellScript } from './neighbours.ts';
import { quickWatch } from './release-watch.ts';

let fleet: WorkflowHarness;
let connection: Connection;
beforeAll(async () => {
  // A lease that a loaded machine does not miss: nothing here is about losing one.
  fleet = await startWorkflow({ ...drivers[1].env, WORKFLOW_LANE_RUNS: '4', WORKFLOW_LANE_LEASE_MS: '6000' });
  connection = await Connection.connect({ address: testTemporalAddress() });
});
afterAll(async () => {
  await connection.close();
  await fleet.stop();
});

const driverOf = async (id: string) => {
  const [row] = await fleet.database.query<{ driver: string; driver_epoch: number }>(
    `select driver, driver_epoch from workflow_instances where id = '${id}'`,
  );
  return `${row?.driver} ${row?.driver_epoch}`;
};
const journalOf = (id: string) =>
  fleet.database.query(
    `select seq, kind, step_id, visit from workflow_journal where instance_id = '${id}' order by seq`,
  );
const isKnownToTemporal = (id: string) =>
  new Client({ connection }).workflow
    .getHandle(id)
    .describe()
    .then(
      () => true,
      () => false,
    );

test('a run that nothing makes wait never meets Temporal, and leaves the same journal, tasks and events as one that does', async () => {
  const inLane = await fleet.start(await fleet.activate(quickWatch()));
  const atTemporal = await fleet.start(await fleet.activate(quickWatch({ driver: 'temporal' })));
  for (const id of [inLane, atTemporal]) {
    expect(await fleet.ended(id)).toMatchObject({
      status: InstanceStatus.COMPLETED,
      output: { record: expect.any(String) },
    });
  }
  expect([await driverOf(inLane), await driverOf(atTemporal)]).toEqual(['lane 1', 'temporal 1']);
  expect([await isKnownToTemporal(inLane), await isKnownToTemporal(atTemporal)]).toEqual([false, true]);

  expect(await journalOf(inLane)).toEqual(await journalOf(atTemporal));
  const tasksOf = async (instanceId: string) =>
    (await fleet.instances.listTasks({ instanceId })).tasks.map(({ stepId, visit, status, attempts }) => [
      stepId,
      visit,
      status,
      attempts,
    ]);
  expect(await tasksOf(inLane)).toEqual(await tasksOf(atTemporal));
  expect(await tasksOf(inLane)).toHaveLength(3);
  const eventsOf = (id: string) =>
    fleet.database.query(
      `select event_seq, type from outbox where aggregate_id = '${id}'
       union all select event_seq, type from outbox_sent where aggregate_id = '${id}' order by event_seq`,
    );
  expect(await eventsOf(inLane)).toEqual(await eventsOf(atTemporal));
});

test('a run has time of its own: the deadline of the call that started it is none of its steps', async () => {
  const tell = (id: string) => ({ id, kind: 'notification', templateId: '${input.templateId}' });
  const workflowId = await fleet.activate({ steps: [{ ...tell('first'), next: 'second' }, tell('second')] });
  fleet.neighbours.script = { ...fleet.neighbours.script, send: () => delay(1_500) };
  const input = inputFor(fleet.tracker.url);
  const { id } = await fleet.instances.startInstance({ workflowId, input }, { deadlineMs: 1_000 });
  await fleet.ended(id);
  fleet.neighbours.script = wellScript();
  const { tasks } = await fleet.instances.listTasks({ instanceId: id });
  expect(tasks.map(({ stepId, attempts }) => [stepId, attempts])).toEqual([
    ['first', 1],
    ['second', 1],
  ]);
  expect(await driverOf(id)).toBe('lane 1');
});

test('a step that has to wait before its next attempt takes its run to Temporal, where its attempts count on', async () => {
  await fleet.tracker.mood({ on: 'open', action: 'refuse', status: 503, times: 2 });
  const before = fleet.tracker.counts().opened;
  const retry = { maxAttempts: 3, initialIntervalMs: 300 };
  const id = await fleet.start(await fleet.activate(quickWatch({}, { retry })));
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED });
  expect(await driverOf(id)).toBe('temporal 2');
  const [open] = (await fleet.instances.listTasks({ instanceId: id })).tasks;
  expect(open).toMatchObject({ stepId: 'open', attempts: 3, status: TaskStatus.COMPLETED });
  expect(fleet.tracker.counts().opened - before).toBe(1);
});

test('a run in the lane of one replica is cancelled by way of another', async () => {
  const other = await fleet.replica();
  const clients = await fleet.as(other.address);
  const undone = fleet.tracker.undone();
  await fleet.tracker.mood({ on: 'open', action: 'hold', ms: 30_000 });
  const id = await fleet.start(await fleet.activate(quickWatch({}, { timeoutMs: 20_000 })));
  await clients.instances.cancelInstance({ id });
  expect(await fleet.ended(id, 15_000)).toMatchObject({ status: InstanceStatus.CANCELLED });
  expect(fleet.tracker.undone() - undone).toBe(1);
  clients.close();
  await other.stop();
});

test('a lane that closes gives its runs to Temporal, those in the middle of a step too', async () => {
  const leaving = await fleet.replica({ FLOTILLA_SHUTDOWN_GRACE_MS: '3500' });
  const clients = await fleet.as(leaving.address);
  const before = fleet.tracker.counts();
  await fleet.tracker.mood({ on: 'open', action: 'hold', ms: 30_000 });
  const { activate, start } = verbs(clients, fleet);
  const id = await start(await activate(quickWatch({}, { timeoutMs: 20_000 })));
  await eventually(() => fleet.tracker.counts().opened === before.opened + 1);
  await leaving.stop();
  expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED });
  expect(await driverOf(id)).toBe('temporal 2');
  expect(fleet.tracker.counts()).toMatchObject({ opened: before.opened + 1, duplicates: before.duplicates });
  clients.close();
});

test('runs that find the lane full wait in the database, and nobody fills it alone: another tenant finds a place at once', async () => {
  const tenants = [tenant(), tenant()] as const;
  const first: string[] = [];
  const sides = await Promise.all(tenants.map((tenantId) => fleet.as(fleet.address, { tenantId })));
  const [many, few] = sides;
  if (many === undefined || few === undefined) throw new Error('two tenants');
  const workflowOf = (clients: typeof many) => verbs(clients, fleet).activate(quickWatch({}, { timeoutMs: 60_000 }));
  const [ofMany, ofFew] = [await workflowOf(many), await workflowOf(few)];
  const startOf = async (clients: typeof many, workflowId: string) =>
    (await clients.instances.startInstance({ workflowId, input: inputFor(fleet.tracker.url) })).id;

  // Three of the four places are held; the rest of the tenant's runs queue.
  await fleet.tracker.mood({ on: 'open', action: 'hold', ms: 60_000, times: 3 });
  const opened = fleet.tracker.counts().opened;
  const held: string[] = [];
  for (let run = 0; run < 3; run += 1) held.push(await startOf(many, ofMany));
  await eventually(() => fleet.tracker.counts().opened === opened + 3);
  for (let run = 0; run < 27; run += 1) first.push(await startOf(many, ofMany));
  const waiting = async () =>
    (await fleet.database.query<{ driver: string }>(`select driver from workflow_instances where driver = 'queued'`))
      .length;
  expect(await waiting()).toBe(27);
  const unwanted = first.pop() ?? '';
  expect(await many.instances.cancelInstance({ id: unwanted })).toMatchObject({ status: InstanceStatus.CANCELLED });
  expect(await waiting()).toBe(26);
  const other = await startOf(few, ofFew);
  const hasEnded = async (clients: typeof many, id: string) =>
    (await clients.instances.getInstance({ id })).completeTime !== undefined;
  await eventually(() => hasEnded(few, other), { timeoutMs: 20_000 });
  expect(await waiting()).toBe(26);
  for (const id of held) await many.instances.cancelInstance({ id });
  for (const id of [...first, ...held]) await eventually(() => hasEnded(many, id), { timeoutMs: 30_000 });
  expect(await waiting()).toBe(0);
  for (const clients of sides) clients.close();
});

test('a run that was taken away does not fail the runs whose moves are written together with its own', async () => {
  // The lease is not looked at meanwhile: that the run is lost shows when its move is written.
  const wide = await fleet.replica({ WORKFLOW_LANE_RUNS: '16', WORKFLOW_LANE_LEASE_MS: '30000' });
  const clients = await fleet.as(wide.address);
  const { activate, start } = verbs(clients, fleet);
  const workflowId = await activate(quickWatch({}, { timeoutMs: 60_000 }));
  const { opened } = fleet.tracker.counts();
  await fleet.tracker.mood({ on: 'open', action: 'hold', ms: 8_000, times: 8 });
  const others: string[] = [];
  for (let run = 0; run < 7; run += 1) others.push(await start(workflowId));
  const taken = await start(workflowId);
  await eventually(() => fleet.tracker.counts().opened === opened + 8);
  await fleet.database.query(`update workflow_instances set driver_epoch = driver_epoch + 1 where id = '${taken}'`);
  for (const id of others) expect(await fleet.ended(id, 60_000)).toMatchObject({ status: InstanceStatus.COMPLETED });
  expect(await Promise.all(others.map(driverOf))).toEqual(others.map(() => 'lane 1'));
  await fleet.database.query(`update workflow_instances set lease_until = now() where id = '${taken}'`);
  expect(await fleet.ended(taken, 60_000)).toMatchObject({ status: InstanceStatus.COMPLETED });
  expect(await driverOf(taken)).toBe('temporal 3');
  expect(fleet.tracker.counts()).toMatchObject({ opened: opened + 8, duplicates: 0 });
  clients.close();
  await wide.stop();
});

test('lanes take queued runs in turns of the tenants, by their weight and by what runs already', async () => {
  const tenants = { plain: tenant(), heavy: tenant(), busy: tenant() };
  // Rows are enough: what is asked here is in which order they are chosen. The runs behind them are never begun.
  const template = await fleet.start(await fleet.activate(quickWatch()));
  await fleet.ended(template);
  const admit = `
    begin;
    set local session_replication_role = replica;
    insert into workflow_instances (id, tenant_id, workflow_id, workflow_version, workflow_slug, input, steps_total, traceparent,
      grant_id, created_by, driver)
    select uuid_v7(), tenant.id, i.workflow_id, i.workflow_version, i.workflow_slug, i.input, i.steps_total, i.traceparent,
      i.grant_id, i.created_by, 'queued'
    from workflow_instances i, unnest(array['${tenants.plain}', '${tenants.heavy}', '${tenants.busy}']::uuid[]) as tenant (id),
      generate_series(1, 20)
    where i.id = '${template}';
    create temporary table chosen on commit drop as
      select * from admit_instances(13, 10, interval '1 minute', '[
        { "tenant_id": "${tenants.heavy}", "running": 0, "weight": 2 },
        { "tenant_id": "${tenants.busy}", "running": 3, "weight": 1 }
      ]');
    do $$ declare counts jsonb; begin
      select jsonb_object_agg(tenant_id, runs) into counts from (select tenant_id, count(*) as runs from chosen group by 1) c;
      raise exception '%', counts;
    end $$;`;
  const told = await fleet.database.query(admit).catch((error: Error) => error.message);
  // So each has four for each unit of its weight, the three that run already counted.
  expect(JSON.parse(String(told))).toEqual({ [tenants.plain]: 4, [tenants.heavy]: 8, [tenants.busy]: 1 });
  expect(await fleet.database.query(`select id from workflow_instances where driver = 'queued'`)).toEqual([]);
});
