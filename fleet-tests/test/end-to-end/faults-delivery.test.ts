import { beforeAll, expect, test } from 'vitest';
import { type Account, type Fleet, openFleet } from './fleet.ts';
import { expectAllAudited, startLoad, wellProcesses } from './load.ts';

let fleet: Fleet;
let account: Account;
beforeAll(async () => {
  fleet = await openFleet();
  account = await fleet.newTenant();
});

test('a service and the broker killed under load: what was committed is told, each event once and in order', async () => {
  const load = startLoad(fleet, account);
  await load.more(5);
  await fleet.flotilla('kill', 'llm-agent');
  await load.more(5);
  await fleet.flotilla('kill', 'kafka');
  await load.more(5);
  await fleet.flotilla('kill', 'audit');
  await load.more(5);
  const answered = await load.stop();

  await expectAllAudited(fleet, account);
  // Nothing that was answered is lost, and a repeated request made no second agent.
  const kept = await fleet.sql<{ id: string }>('llm-agent', 'select id from agents where tenant_id = $1', [
    account.tenantId,
  ]);
  expect(kept.map(({ id }) => id).sort()).toEqual([...answered].sort());
  const created = await fleet.sql<{ resource_id: string }>(
    'audit',
    `select resource_id from audit_events where tenant_id = $1 and action = 'flotilla.agent.v1.AgentCreated'`,
    [account.tenantId],
  );
  expect(created.map(({ resource_id }) => resource_id).sort()).toEqual([...answered].sort());
  await wellProcesses(fleet);
});
