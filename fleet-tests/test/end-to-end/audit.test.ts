import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { installed, spawnSandboxed } from '@flotilla/deploy';
import { eventually } from '@flotilla/testing';
import { beforeAll, expect, test } from 'vitest';
import { agentOf } from './estate.ts';
import { type Account, type Fleet, openFleet } from './fleet.ts';

interface AuditEvent {
  readonly id: string;
  readonly eventType: string;
  readonly action: string;
  readonly actorType: string;
  readonly checksum: string;
  readonly beforeState: Readonly<Record<string, unknown>> | null;
  readonly afterState: Readonly<Record<string, unknown>> | null;
}

let fleet: Fleet;
let tenant: Account;
beforeAll(async () => {
  fleet = await openFleet();
  tenant = await fleet.newTenant();
});

const eventsOf = async (resourceId: string): Promise<readonly AuditEvent[]> =>
  (await fleet.ok('GET', `/v1/audit-events?resourceId=${resourceId}&pageSize=200`, { key: tenant.key })).auditEvents;

test('what somebody changes by SQL, behind the services, is in the audit log with before and after', async () => {
  const agent = await fleet.ok('POST', '/v1/agents', { key: tenant.key, body: agentOf(`a-${randomUUID()}`) });
  await fleet.sql('llm-agent', `update agents set model = 'changed-by-hand' where id = $1`, [agent.id]);
  await fleet.sql('llm-agent', 'delete from agent_versions where agent_id = $1', [agent.id]);
  await fleet.sql('llm-agent', 'delete from agents where id = $1', [agent.id]);
  const events = await eventually(
    async () => {
      const found = await eventsOf(agent.id);
      const changes = found.filter(({ eventType }) => eventType === 'captured_change');
      expect(changes.map(({ action }) => action).sort()).toEqual(['create', 'delete', 'update']);
      // Another topic carries the domain's event: it may come after all the changes.
      expect(found.map(({ eventType }) => eventType)).toContain('domain_event');
      return found;
    },
    { timeoutMs: 120_000, intervalMs: 300 },
  );
  const update = events.find(({ action }) => action === 'update');
  expect(update?.beforeState).toMatchObject({ model: 'scripted' });
  expect(update?.afterState).toMatchObject({ model: 'changed-by-hand' });
  // The services had no part in it: no event of the domain tells of it, and nobody of the fleet did it.
  expect(events.filter(({ eventType }) => eventType === 'domain_event').map(({ action }) => action)).toEqual([
    'flotilla.agent.v1.AgentCreated',
  ]);
  expect(update?.actorType).not.toBe('user');
});

test('python and openssl recompute the hash of each event from its canonical bytes', async () => {
  const slug = `hashed-${randomUUID()}`;
  const agent = await fleet.ok('POST', '/v1/agents', { key: tenant.key, body: agentOf(slug) });
  const events = await eventually(
    async () => {
      const found = await eventsOf(agent.id);
      expect(found.length).toBeGreaterThanOrEqual(2);
      return found;
    },
    { timeoutMs: 120_000, intervalMs: 300 },
  );
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-audit-'));
  try {
    for (const { id, checksum } of events) {
      const event = await fleet.ok('GET', `/v1/audit-events/${id}`, { key: tenant.key });
      expect(Buffer.from(event.canonical, 'base64').toString()).toContain(agent.id);
      writeFileSync(join(folder, 'event.json'), JSON.stringify(event));
      writeFileSync(join(folder, 'canonical'), Buffer.from(event.canonical, 'base64'));
      const python =
        'import base64,hashlib,json; e=json.load(open("event.json")); print(hashlib.sha256(base64.b64decode(e["canonical"])).hexdigest())';
      expect(await inRoot(folder, ['python3', '-c', python])).toBe(checksum);
      expect((await inRoot(folder, ['openssl', 'dgst', '-sha256', '-r', 'canonical'])).split(' ')[0]).toBe(checksum);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('nobody changes or removes a record of the log, not even the superuser by plain SQL', async () => {
  const agent = await fleet.ok('POST', '/v1/agents', { key: tenant.key, body: agentOf(`kept-${randomUUID()}`) });
  await eventually(async () => expect(await eventsOf(agent.id)).not.toEqual([]), {
    timeoutMs: 120_000,
    intervalMs: 300,
  });
  const [found] = await fleet.sql<{ table_name: string }>(
    'audit',
    `select table_name from information_schema.columns where table_schema = 'public' and column_name = 'canonical'`,
  );
  const table = found?.table_name ?? '';
  await expect(fleet.sql('audit', `update ${table} set action = 'nothing'`)).rejects.toThrow();
  await expect(fleet.sql('audit', `delete from ${table}`)).rejects.toThrow();
  expect((await eventsOf(agent.id)).length).toBeGreaterThan(0);
});

/** Runs a program of the Debian root, in a folder. */
async function inRoot(folder: string, argv: readonly string[]): Promise<string> {
  const root = join(await installed('root'), 'rootfs');
  const { sandbox } = spawnSandboxed({ root, stateDir: folder, argv, output: 'pipe' });
  if (sandbox.stdout === null) throw new Error('no output');
  return (await text(sandbox.stdout)).trim();
}
