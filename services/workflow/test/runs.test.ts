import type { JsonObject } from '@bufbuild/protobuf';
import { ExecutionStatus } from '@flotilla/contracts/agent';
import { CompensationState, CompensationStatus, InstanceStatus, TaskStatus } from '@flotilla/contracts/workflow';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { drivers, inputFor, startWorkflow, type WorkflowHarness } from './harness.ts';
import { answers, wellScript } from './neighbours.ts';
import { quickWatch } from './release-watch.ts';

describe.each(drivers)('runs driven by $driver', ({ env }) => {
  let fleet: WorkflowHarness;
  beforeAll(async () => {
    fleet = await startWorkflow(env);
  });
  afterAll(() => fleet.stop());
  beforeEach(() => {
    fleet.neighbours.script = wellScript();
  });

  const nameIn = (words: Record<string, number>, value: number) =>
    Object.keys(words).find((word) => words[word] === value);
  const tasksOf = async (instanceId: string) =>
    (await fleet.instances.listTasks({ instanceId })).tasks.map(
      ({ stepId, visit, status }) => `${stepId}#${visit} ${nameIn(TaskStatus, status)}`,
    );
  const undosOf = async (instanceId: string) =>
    (await fleet.instances.listCompensations({ instanceId })).compensations.map(
      ({ stepId, status }) => `${stepId} ${nameIn(CompensationStatus, status)}`,
    );

  test('a run goes through real servers to its end', async () => {
    const id = await fleet.start(await fleet.activate());
    const instance = await fleet.ended(id);
    expect(instance).toMatchObject({
      status: InstanceStatus.COMPLETED,
      compensation: CompensationState.NONE,
      errorReason: '',
      output: { severity: 'high', record: expect.any(String) },
    });
    expect(await tasksOf(id)).toEqual([
      'open#1 COMPLETED',
      'summarise#1 COMPLETED',
      'check#1 COMPLETED',
      'route#1 COMPLETED',
      'publish#1 COMPLETED',
      'notify#1 COMPLETED',
    ]);
    const calls = fleet.neighbours.received.filter(({ key }) => key.startsWith(id));
    expect(calls.map(({ method, key }) => `${method} ${key.slice(id.length)}`)).toEqual([
      'executeAgent /summarise#1/do',
      'validateContent /check#1/do',
      'sendNotification /notify#1/do',
    ]);
    expect(new Set(calls.map(({ traceId }) => traceId))).toEqual(new Set([instance.traceId]));
    expect(new Set(calls.map(({ actor }) => actor))).toEqual(new Set([`user:${instance.createdBy}`]));
    expect(await undosOf(id)).toEqual([]);
  });

  test('what steps write to the context of a run is there for those that come later, and for everybody to see', async () => {
    const record = (id: string, rest: object) => ({
      ...{ id, kind: 'http', url: '${input.tracker}/records', body: { title: id, runId: '${run.id}' } },
      ...{ undo: { url: '${input.tracker}/undo', body: { key: '${effect.key}' } }, ...rest },
    });
    const workflowId = await fleet.activate({
      context: { opened: 0 },
      steps: [
        record('open', {
          context: { opened: '${context.opened + 1}', status: '${steps.open.output.status}' },
          next: 'each',
        }),
        {
          ...{ id: 'each', kind: 'map', items: ['a', 'b', 'c'] },
          steps: [record('add', { context: { opened: '${context.opened + 1}', last: '${item}' } })],
          ...{ maxConcurrency: 1, next: 'route' },
        },
        {
          ...{ id: 'route', kind: 'decision', cases: [{ when: 'context.opened == 4', next: '$end' }] },
          default: { next: '$fail' },
        },
      ],
      output: { context: '${context}' },
    });
    const instance = await fleet.ended(await fleet.start(workflowId));
    const context = { opened: 4, status: 201, last: 'c' };
    expect(instance).toMatchObject({ status: InstanceStatus.COMPLETED, context, output: { context } });
    const entries = await fleet.database.query<{ kind: string }>(
      `select kind from workflow_journal where instance_id = '${instance.id}' and kind like 'context%' order by seq`,
    );
    expect(entries.map(({ kind }) => kind)).toEqual(['context_begun', ...Array(4).fill('context_written')]);
  });

  test('an execution that died with its process is asked for again, under a key of its own', async () => {
    const { execute } = wellScript();
    const lost = ['EXECUTION_LOST', 'EXECUTION_INTERRUPTED'].map((errorReason) => ({
      id: crypto.randomUUID(),
      status: ExecutionStatus.FAILED,
      errorReason,
    }));
    const toLose = [...lost];
    fleet.neighbours.script.execute = async (prompt, call) => toLose.shift() ?? execute(prompt, call);
    const id = await fleet.start(await fleet.activate());
    expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED });
    const asked = fleet.neighbours.received.filter(
      ({ method, key }) => method === 'executeAgent' && key.startsWith(id),
    );
    expect(asked.map(({ key }) => key.slice(id.length))).toEqual(
      ['', '~2', '~3'].map((again) => `/summarise#1/do${again}`),
    );
    const [entry] = await fleet.database.query<{ facts: unknown }>(
      `select entry -> 'facts' as facts from workflow_journal
     where instance_id = '${id}' and kind = 'step_completed' and step_id = 'summarise'`,
    );
    expect(entry?.facts).toMatchObject({ lostExecutionIds: lost.map((execution) => execution.id) });
  });

  test('an agent whose executions are always lost fails the run in the end', async () => {
    fleet.neighbours.script.execute = async () => ({ status: ExecutionStatus.FAILED, errorReason: 'EXECUTION_LOST' });
    const id = await fleet.start(await fleet.activate());
    expect(await fleet.ended(id)).toMatchObject({
      status: InstanceStatus.FAILED,
      compensation: CompensationState.COMPLETE,
      errorStep: 'summarise',
      errorReason: 'EXECUTION_LOST',
    });
  });

  test('the permission to act for whoever started a run ends with it, and with a start that came to nothing', async () => {
    const before = new Set(fleet.identity.grants.keys());
    const created = () => [...fleet.identity.grants.keys()].filter((grant) => !before.has(grant));
    const gate = Promise.withResolvers<void>();
    const { execute } = wellScript();
    fleet.neighbours.script.execute = (prompt, call) => gate.promise.then(() => execute(prompt, call));
    const workflowId = await fleet.activate();
    const input = inputFor(fleet.tracker.url);
    const options = { idempotencyKey: crypto.randomUUID() };
    const { id } = await fleet.instances.startInstance({ workflowId, input }, options);
    expect(await fleet.instances.startInstance({ workflowId, input }, options)).toMatchObject({ id });
    await expect(fleet.instances.startInstance({ workflowId, input: {} })).rejects.toMatchObject({
      reason: 'INPUT_INVALID',
    });
    const [{ grant_id: ofRun } = {}] = await fleet.database.query<{ grant_id: string }>(
      `select grant_id from workflow_instances where id = '${id}'`,
    );
    await eventually(() => expect(created()).toEqual([ofRun]));
    gate.resolve();
    await fleet.ended(id);
    await eventually(() => expect(created()).toEqual([]));
    expect(await fleet.database.query('select * from ended_grants')).toEqual([]);
  });

  test('a verdict that stays bad fails the run; what was done is undone', async () => {
    fleet.neighbours.script.validate = async () => ({ id: crypto.randomUUID(), ...answers.failed });
    const before = fleet.tracker.counts();
    const id = await fleet.start(await fleet.activate());
    expect(await fleet.ended(id)).toMatchObject({
      status: InstanceStatus.FAILED,
      compensation: CompensationState.COMPLETE,
      errorReason: 'VALIDATION_FAILED',
      errorStep: 'check',
    });
    expect(await tasksOf(id)).toEqual([
      'open#1 COMPLETED',
      'summarise#1 COMPLETED',
      'check#1 COMPLETED',
      'summarise#2 COMPLETED',
      'check#2 COMPLETED',
    ]);
    const prompts = fleet.neighbours.received
      .filter(({ key }) => key.startsWith(`${id}/summarise`))
      .map(({ request }) => request['prompt']);
    expect(prompts[1]).toContain('CVE-2099-1');
    expect(await undosOf(id)).toEqual(['open COMPLETED']);
    const after = fleet.tracker.counts();
    expect([after.opened - before.opened, after.withdrawn - before.withdrawn]).toEqual([1, 1]);
  });

  test('an effect that is refused fails the run and everything is undone in reverse order, as the service itself', async () => {
    fleet.neighbours.script.send = async () => {
      throw new Error('out of order');
    };
    const id = await fleet.start(await fleet.activate());
    const instance = await fleet.ended(id);
    expect(instance).toMatchObject({
      status: InstanceStatus.FAILED,
      compensation: CompensationState.COMPLETE,
      errorStep: 'notify',
    });
    expect(await undosOf(id)).toEqual(['notify COMPLETED', 'publish COMPLETED', 'open COMPLETED']);
    const revoked = fleet.neighbours.received.find(({ request }) => request['idempotencyKey'] === `${id}/notify#1/do`);
    expect(revoked?.actor).toBe('service:workflow');
    const failed = (await fleet.instances.listTasks({ instanceId: id })).tasks.find(
      ({ stepId }) => stepId === 'notify',
    );
    expect(failed).toMatchObject({ status: TaskStatus.FAILED, attempts: 3, errorReason: 'INTERNAL' });
  });

  test('a locked record refuses its publication once and for all: no second try', async () => {
    await fleet.tracker.mood({ on: 'publish', action: 'refuse', status: 409 });
    const id = await fleet.start(await fleet.activate());
    const instance = await fleet.ended(id);
    expect(instance).toMatchObject({
      errorReason: 'HTTP_STATUS',
      errorStep: 'publish',
      errorMessage: expect.stringContaining('409'),
    });
    expect(await undosOf(id)).toEqual(['publish COMPLETED', 'open COMPLETED']);
  });

  test('a server that is unwell is asked again under the same key', async () => {
    await fleet.tracker.mood({ on: 'open', action: 'refuse', status: 503, times: 2 });
    const before = fleet.tracker.counts();
    const id = await fleet.start(await fleet.activate());
    expect(await fleet.ended(id)).toMatchObject({ status: InstanceStatus.COMPLETED });
    const [open] = (await fleet.instances.listTasks({ instanceId: id })).tasks;
    expect(open).toMatchObject({ stepId: 'open', attempts: 3, errorReason: '' });
    expect(fleet.tracker.counts().opened - before.opened).toBe(1);
  });

  test('a step says which failures are worth another try', async () => {
    const failing = async (step: JsonObject, status: number, times: number) => {
      await fleet.tracker.mood({ on: 'open', action: 'refuse', status, times });
      const retry = { maxAttempts: 3, initialIntervalMs: 20, ...(step['retry'] as JsonObject) };
      const id = await fleet.start(await fleet.activate(quickWatch({}, { ...step, retry })));
      const { status: end } = await fleet.ended(id);
      const [open] = (await fleet.instances.listTasks({ instanceId: id })).tasks;
      return [end, open?.attempts];
    };
    expect(await failing({ retry: { except: ['HTTP_STATUS'] } }, 503, 1)).toEqual([InstanceStatus.FAILED, 1]);
    expect(await failing({ retry: { on: ['HTTP_UNREACHABLE'] } }, 503, 1)).toEqual([InstanceStatus.FAILED, 1]);
    expect(await failing({ retry: { on: ['HTTP_STATUS'] } }, 409, 2)).toEqual([InstanceStatus.COMPLETED, 3]);
    expect(await failing({ retryStatus: [409] }, 409, 2)).toEqual([InstanceStatus.COMPLETED, 3]);
  });

  test('an undo that is refused for a while is tried again, whatever the refusal', async () => {
    await fleet.tracker.mood({ on: 'publish', action: 'refuse', status: 409 });
    await fleet.tracker.mood({ on: 'undo', action: 'refuse', status: 409, times: 2 });
    const id = await fleet.start(await fleet.activate());
    expect(await fleet.ended(id)).toMatchObject({ compensation: CompensationState.COMPLETE });
    const { compensations } = await fleet.instances.listCompensations({ instanceId: id });
    expect(compensations.map(({ stepId, attempts }) => `${stepId} ${attempts}`)).toEqual(['publish 3', 'open 1']);
  });

  test('an undo that stays refused is stuck, the rest is undone, and it is tried on', async () => {
    fleet.neighbours.script.send = async () => {
      throw new Error('out of order');
    };
    const before = fleet.tracker.counts();
    const workflowId = await fleet.activate();
    fleet.neighbours.script.revoke = async () => {
      throw new Error('out of order too');
    };
    const id = await fleet.start(workflowId);
    expect(await fleet.ended(id)).toMatchObject({
      status: InstanceStatus.FAILED,
      compensation: CompensationState.STUCK,
    });
    expect(await undosOf(id)).toEqual(['notify FAILED', 'publish COMPLETED', 'open COMPLETED']);
    expect(fleet.tracker.counts().withdrawn - before.withdrawn).toBe(1);
  });

  test('a run whose starter may not act any more fails; a run without a driver gets one by the sweep', async () => {
    const withoutTemporal = await fleet.replica({
      FLOTILLA_TEMPORAL_ADDRESS: '127.0.0.1:1',
      WORKFLOW_SWEEP_EVERY_MS: '600000',
      WORKFLOW_LANE_RUNS: '0',
    });
    const clients = await fleet.as(withoutTemporal.address);
    const workflowId = await fleet.activate();
    const known = new Set(fleet.identity.grants.keys());
    await fleet.database.query('alter function undriven_instances rename to undriven_instances_away');
    const { id } = await clients.instances.startInstance({ workflowId, input: inputFor(fleet.tracker.url) });
    for (const grant of fleet.identity.grants.keys()) if (!known.has(grant)) fleet.identity.revoke(grant);
    await fleet.database.query('alter function undriven_instances_away rename to undriven_instances');
    expect(await fleet.ended(id)).toMatchObject({
      status: InstanceStatus.FAILED,
      errorReason: 'GRANT_REVOKED',
      errorStep: 'open',
      compensation: CompensationState.COMPLETE,
    });
    clients.close();
    await withoutTemporal.stop();
  });
});
