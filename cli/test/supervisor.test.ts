import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { isFree } from '@flotilla/deploy';
import { afterEach, expect, test } from 'vitest';
import { identify, isAlive, type ProcessIdentity } from '../src/process-table.ts';
import { listener, type SmallFleet, smallFleet, task } from './small-fleet.ts';

const fleets: SmallFleet[] = [];
afterEach(async () => {
  for (const fleet of fleets.splice(0)) await fleet.down();
});
const fleetOf = (...processes: Parameters<typeof smallFleet>[0]) => {
  const fleet = smallFleet(processes);
  fleets.push(fleet);
  return fleet;
};
const supervisorOf = ({ config }: SmallFleet) =>
  JSON.parse(readFileSync(join(config.stateDir, 'supervisor.json'), 'utf8')) as ProcessIdentity;
const portOf = (fleet: SmallFleet) => fleet.planned.processes[0]?.ports['http'] ?? 0;

test('a process that crashes is started again and the crash is counted', async () => {
  const fleet = fleetOf(await listener('web'));
  await fleet.up();
  const before = await fleet.well('web');
  await fetch(`http://127.0.0.1:${portOf(fleet)}/crash`).catch(() => undefined);
  await expect.poll(async () => (await fleet.status('web')).restarts).toBe(1);
  const after = await fleet.well('web');
  expect(after.pid).not.toBe(before.pid);
});

test('a killed process is gone when the order returns, and comes back', async () => {
  const fleet = fleetOf(await listener('web'));
  await fleet.up();
  const { pid = 0 } = await fleet.well('web');
  await fleet.client.order('kill', 'web', 'SIGKILL');
  expect(identify(pid)).toBeUndefined();
  expect((await fleet.well('web')).pid).not.toBe(pid);
});

test('a held process stays down until it is released', async () => {
  const fleet = fleetOf(await listener('web'));
  await fleet.up();
  await fleet.well('web');
  await fleet.client.order('hold', 'web', 'SIGKILL');
  expect(await fleet.status('web')).toMatchObject({ state: 'held', restarts: 0 });
  expect(await isFree(portOf(fleet))).toBe(true);
  await fleet.client.order('release', 'web');
  await fleet.well('web');
});

test('there is one supervisor, however often it is started', async () => {
  const fleet = fleetOf(await listener('web'));
  await fleet.up();
  await fleet.well('web');
  expect(await fleet.condition()).toBe('running');
  const first = supervisorOf(fleet);
  await Promise.all([fleet.up(), fleet.up()]);
  expect(supervisorOf(fleet)).toEqual(first);
  expect((await fleet.status('web')).restarts).toBe(0);
});

test('a supervisor that is killed takes its processes along, and the next start repairs', async () => {
  const fleet = fleetOf(await listener('web'), await listener('other'));
  await fleet.up();
  const { pid = 0 } = await fleet.well('web');
  const web = identify(pid);
  await fleet.well('other');
  process.kill(supervisorOf(fleet).pid, 'SIGKILL');
  await expect.poll(() => web !== undefined && isAlive(web)).toBe(false);
  expect(await fleet.condition()).toBe('down');

  await fleet.up();
  expect((await fleet.well('web')).pid).not.toBe(pid);
  await fleet.well('other');
});

test('down leaves no process and no port', async () => {
  const fleet = fleetOf(await listener('web'));
  await fleet.up();
  const { pid = 0 } = await fleet.well('web');
  const supervisor = supervisorOf(fleet);
  expect(await fleet.down()).toBe('stopped');
  expect([identify(pid), identify(supervisor.pid)]).toEqual([undefined, undefined]);
  expect(await isFree(portOf(fleet))).toBe(true);
  expect(await fleet.down()).toBe('was down');
});

test('down also ends a fleet whose supervisor hangs', { timeout: 120_000 }, async () => {
  const fleet = fleetOf(await listener('web'));
  await fleet.up();
  const { pid = 0 } = await fleet.well('web');
  const supervisor = supervisorOf(fleet);
  process.kill(supervisor.pid, 'SIGSTOP');
  expect(await fleet.down()).toBe('stopped');
  expect([identify(pid), identify(supervisor.pid)]).toEqual([undefined, undefined]);
});

test('a taken port is refused, saying by whom', async () => {
  const fleet = fleetOf(await listener('web'));
  const squatter = createServer().listen(portOf(fleet), '127.0.0.1');
  await expect(fleet.up()).rejects.toThrow(
    new RegExp(`Port ${portOf(fleet)}, which web needs, is taken by process ${process.pid}`),
  );
  squatter.close();
});

test('a process starts only when those before it are well', async () => {
  const stateFile = join(fleetOf().config.stateDir, 'order');
  const late = await listener('late', { env: { LATE_MS: '700' } });
  const fleet = fleetOf(
    late,
    task('second', 'notes', { FILE: stateFile, WORD: 'second' }, ['first']),
    task('first', 'notes', { FILE: stateFile, WORD: 'first' }, ['late']),
  );
  await fleet.up();
  expect((await fleet.status('first')).state).toBe('waiting');
  await fleet.well('second');
  expect(readFileSync(stateFile, 'utf8')).toBe('first\nsecond\n');
  expect((await fleet.status('late')).state).toBe('ready');
});

test('a task that keeps failing is said to, with its last words', async () => {
  const fleet = fleetOf(task('hopeless', 'fails'));
  await fleet.up();
  await expect(fleet.well('hopeless', 30_000)).rejects.toThrow(/hopeless keeps failing[\s\S]*made of cheese/);
});

test('a changed description is noticed', async () => {
  const fleet = fleetOf(await listener('web'));
  await fleet.up();
  await fleet.well('web');
  const changed = smallFleet([await listener('web')]);
  const { fleetCondition } = await import('../src/fleet-control.ts');
  expect(await fleetCondition(fleet.config, changed.planned)).toBe('changed');
});
