import { CompensationState, CompensationStatus, InstanceStatus } from '@flotilla/contracts/workflow';
import { eventually } from '@flotilla/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clients, drivers, type Surroundings, surround, verbs } from '../harness.ts';
import { wellScript } from '../neighbours.ts';
import { type ServiceProcess, startProcess } from './process.ts';

describe.each(drivers)('runs driven by $driver', ({ env }) => {
  let around: Surroundings;
  let service: ServiceProcess;
  let clients: Clients & { close(): void };
  const kills: string[] = [];

  beforeAll(async () => {
    around = await surround();
    await restart();
  });
  afterAll(async () => {
    clients.close();
    await service.end();
    await around.stop();
  });

  async function restart(): Promise<void> {
    service = await startProcess({ ...around.env, ...env });
    clients = await around.as(service.address);
  }

  /** SIGKILL, and a new process. */
  async function killAt(place: string): Promise<void> {
    kills.push(place);
    clients.close();
    await service.end();
    await restart();
  }

  /** The neighbour has done what it was asked; whoever asked dies before the answer arrives. Later calls are answered. */
  function answerToTheDead<T>(
    place: string,
    answer: () => Promise<T>,
    restarted: Promise<unknown>[],
  ): () => Promise<T> {
    let first = true;
    return async () => {
      const done = await answer();
      if (!first) return done;
      first = false;
      restarted.push(killAt(place));
      return done;
    };
  }

  /** The tracker applies at once and answers late: time to kill whoever asked in between. */
  async function killWhile(place: string, applied: () => boolean): Promise<void> {
    await eventually(applied, { timeoutMs: 60_000 });
    await killAt(place);
  }

  test('killed between each effect and its entry in the journal, a run ends right and every effect happens once', async () => {
    const { tracker, neighbours } = around;
    const well = wellScript();
    const restarted: Promise<unknown>[] = [];
    neighbours.script = {
      ...well,
      execute: answerToTheDead('summarise', () => well.execute('', undefined as never), restarted),
      validate: answerToTheDead('check', () => well.validate(''), restarted),
      send: answerToTheDead('notify', () => well.send(), restarted),
    };
    await tracker.mood({ on: 'open', action: 'hold', ms: 30_000 });
    await tracker.mood({ on: 'publish', action: 'hold', ms: 30_000 });
    const { activate, start } = verbs(clients, around);
    const id = await start(await activate());
    await killWhile('open', () => tracker.counts().opened === 1);
    await killWhile('publish', () => tracker.counts().published === 1);
    await eventually(() => kills.length === 5, { timeoutMs: 60_000 });
    await Promise.all(restarted);

    const instance = await verbs(clients, around).ended(id, 60_000);
    expect(kills).toEqual(['open', 'summarise', 'check', 'publish', 'notify']);
    expect(instance).toMatchObject({ status: InstanceStatus.COMPLETED, compensation: CompensationState.NONE });
    expect(tracker.counts()).toMatchObject({ opened: 1, published: 1, withdrawn: 0, duplicates: 0, orphans: 0 });
    expect([...neighbours.notifications.values()]).toEqual(['sent']);
    const { tasks } = await clients.instances.listTasks({ instanceId: id });
    expect(
      tasks.filter(({ stepKind }) => stepKind !== 'decision').map(({ stepId, attempts }) => `${stepId} ${attempts}`),
    ).toEqual(['open 2', 'summarise 2', 'check 2', 'publish 2', 'notify 2']);
  });

  test('killed in the middle of its undos, a run still takes everything back', async () => {
    const { tracker, neighbours } = around;
    kills.length = 0;
    const before = tracker.counts();
    const undone = tracker.undone();
    const well = wellScript();
    const restarted: Promise<unknown>[] = [];
    neighbours.script = {
      ...well,
      send: async () => {
        throw new Error('out of order');
      },
      revoke: answerToTheDead('undo notify', well.revoke, restarted),
    };
    await tracker.mood({ on: 'undo', action: 'hold', ms: 30_000 });
    const { activate, start } = verbs(clients, around);
    const id = await start(await activate());
    await eventually(() => kills.length === 1, { timeoutMs: 60_000 });
    await Promise.all(restarted);
    await killWhile('undo publish', () => tracker.undone() > undone);

    const instance = await verbs(clients, around).ended(id, 60_000);
    expect(instance).toMatchObject({
      status: InstanceStatus.FAILED,
      compensation: CompensationState.COMPLETE,
      errorStep: 'notify',
    });
    const { compensations } = await clients.instances.listCompensations({ instanceId: id });
    expect(compensations.map(({ stepId, status }) => [stepId, status])).toEqual(
      ['notify', 'publish', 'open'].map((stepId) => [stepId, CompensationStatus.COMPLETED]),
    );
    const counts = tracker.counts();
    expect(counts).toMatchObject({ withdrawn: before.withdrawn + 1, duplicates: 0, orphans: 0 });
  });
});
