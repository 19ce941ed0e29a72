import { grpcServices } from '@flotilla/deploy';
import { eventually } from '@flotilla/testing';
import { beforeAll, expect, test } from 'vitest';
import { type Account, type Fleet, openFleet } from './fleet.ts';
import { expectAllAudited, startLoad, wellProcesses } from './load.ts';

const goneMs = 20_000;

let fleet: Fleet;
let account: Account;
beforeAll(async () => {
  fleet = await openFleet();
  account = await fleet.newTenant();
});

const agents = async () =>
  (await fleet.sql<{ id: string }>('llm-agent', 'select id from agents where tenant_id = $1', [account.tenantId])).map(
    ({ id }) => id,
  );

test('Postgres killed under load: clients get through, and nothing that was answered is lost', async () => {
  const load = startLoad(fleet, account);
  await load.more(5);
  await fleet.flotilla('kill', 'postgres');
  await load.more(10);
  const answered = await load.stop();
  expect((await agents()).sort()).toEqual([...answered].sort());
  await expectAllAudited(fleet, account);
});

test('Postgres gone for 20 s: services say so, live on, and are well again by themselves', async () => {
  const before = await wellProcesses(fleet);
  const known = await agents();
  const load = startLoad(fleet, account);
  await load.more(3);
  await fleet.flotilla('hold', 'postgres', '--signal', 'SIGKILL');
  const goneAt = Date.now();
  try {
    const unready = Object.fromEntries(grpcServices.map((name) => [name, 503]));
    await eventually(async () => expect(await fleet.readiness()).toMatchObject(unready), {
      timeoutMs: 60_000,
      intervalMs: 500,
    });
    // It is the time itself that is tested: long enough for pools, leases and patience to run out.
    await eventually(() => Date.now() - goneAt > goneMs, { timeoutMs: goneMs + 1_000, intervalMs: 500 });
    expect(await fleet.readiness()).toMatchObject(unready);
  } finally {
    await fleet.flotilla('release', 'postgres');
  }
  await load.more(5);
  const answered = await load.stop();
  const { postgres: _server, ...after } = await wellProcesses(fleet);
  expect(before).toMatchObject(after);
  expect(Object.values(await fleet.readiness()).every((status) => status === 200)).toBe(true);
  expect((await agents()).sort()).toEqual([...known, ...answered].sort());
  await expectAllAudited(fleet, account);
});
