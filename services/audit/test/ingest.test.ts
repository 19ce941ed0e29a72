import { spawnSync } from 'node:child_process';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { AgentCreatedSchema } from '@flotilla/contracts/agent';
import { ActionRecordedSchema, ActionResult, ActorType } from '@flotilla/contracts/identity';
import { appendEvent, type OutgoingRecord } from '@flotilla/events';
import { newId } from '@flotilla/postgres';
import { eventually, tenant } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AuditUnderTest, startAudit } from './harness.ts';

let audit: AuditUnderTest;
beforeAll(async () => {
  audit = await startAudit();
});
afterAll(() => audit.stop());

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const actor = { type: 'user', id: '0198c1de-0000-7000-8000-0000000000aa' };

interface Row {
  id: string;
  event_type: string;
  actor_type: string;
  actor_id: string;
  action: string;
  resource_type: string;
  resource_id: string;
  result: string;
  metadata: Record<string, unknown>;
  before_state: Record<string, unknown> | null;
  after_state: Record<string, unknown> | null;
  trace_id: string | null;
  canonical: Buffer;
  checksum: string;
}

const rowsOf = (tenantId: string): Promise<readonly Row[]> =>
  audit.database.query<Row>('select * from audit_events where tenant_id = $1 order by occurred_at, id', [tenantId]);

const arrived = (tenantId: string, count: number): Promise<readonly Row[]> =>
  eventually(
    async () => {
      const rows = await rowsOf(tenantId);
      expect(rows).toHaveLength(count);
      return rows;
    },
    { timeoutMs: 40_000 },
  );

async function createAgent(tenantId: string, name: string): Promise<string> {
  const id = newId();
  await audit.source.db.inTenant({ tenantId, actor, traceparent }, async (tx) => {
    await tx.insertInto('agents').values({ id, tenant_id: tenantId, name, secret: 'canary-secret' }).execute();
    await appendEvent(tx, { schema: AgentCreatedSchema, message: { agent: { id, name } }, id });
  });
  return id;
}

test('a command leaves its event and the change of its row, with who, what and in which trace', async () => {
  const tenantId = tenant();
  const id = await createAgent(tenantId, 'Watcher');
  const rows = await arrived(tenantId, 2);
  const common = {
    actor_type: 'user',
    actor_id: actor.id,
    resource_type: 'agents',
    resource_id: id,
    result: 'success',
    trace_id: '0af7651916cd43dd8448eb211c80319c',
  };
  expect(rows.find((row) => row.event_type === 'domain_event')).toMatchObject({
    ...common,
    action: 'flotilla.agent.v1.AgentCreated',
    metadata: { topic: 'flotilla.agent.v1', eventSeq: '1', event: { agent: { id, name: 'Watcher' } } },
  });
  expect(rows.find((row) => row.event_type === 'captured_change')).toMatchObject({
    ...common,
    action: 'create',
    before_state: null,
    after_state: { id, name: 'Watcher' },
  });
  expect(JSON.stringify(rows) + rows.map((row) => row.canonical.toString()).join()).not.toContain('canary-secret');
});

test('SQL by hand shows up in the log, with the database role and both states', async () => {
  const tenantId = tenant();
  const id = await createAgent(tenantId, 'Before');
  await arrived(tenantId, 2);
  await audit.source.database.query("update agents set name = 'After', secret = 'other' where id = $1", [id]);
  await audit.source.database.query('delete from agents where id = $1', [id]);
  const rows = await arrived(tenantId, 4);
  const [update, removal] = ['update', 'delete'].map((action) => rows.find((row) => row.action === action));
  expect(update).toMatchObject({
    actor_type: 'system',
    before_state: { name: 'Before' },
    after_state: { name: 'After' },
    metadata: { databaseRole: expect.stringMatching(/.+/) },
  });
  expect(update?.actor_id).toBe(`database:${String(update?.metadata['databaseRole'])}`);
  expect(removal).toMatchObject({ before_state: { name: 'After' }, after_state: null });
});

test('an action without a transaction keeps its own actor, time, result and reason', async () => {
  const tenantId = tenant();
  const id = newId();
  const occurredAt = new Date('2026-03-04T05:06:07.089Z');
  const action = {
    id,
    tenantId,
    actorType: ActorType.ANONYMOUS,
    action: 'session.login',
    result: ActionResult.FAILURE,
    reason: 'CREDENTIAL_INVALID',
    service: 'identity',
    traceparent,
    occurTime: timestampFromDate(occurredAt),
    ipAddress: '203.0.113.9',
  };
  await audit.source.db.inTenant({ tenantId, actor: { type: 'service', id: 'identity' } }, async (tx) => {
    await tx.insertInto('recorded_actions').values({ id, tenant_id: tenantId }).execute();
    await appendEvent(tx, { schema: ActionRecordedSchema, message: { action }, id });
  });
  const [row] = await arrived(tenantId, 1);
  expect(row).toMatchObject({
    event_type: 'recorded_action',
    occurred_at: occurredAt,
    actor_type: 'anonymous',
    actor_id: '',
    action: 'session.login',
    result: 'failure',
    metadata: { service: 'identity', reason: 'CREDENTIAL_INVALID' },
    trace_id: '0af7651916cd43dd8448eb211c80319c',
  });
  // An address is about a person: it is not in the event, and so not in the log.
  expect(row?.canonical.toString()).not.toContain('203.0.113.9');
});

test('an event delivered twice is one record', async () => {
  const tenantId = tenant();
  const twice = recordOf(tenantId, 'twice');
  await audit.transport.publish([twice, twice]);
  await audit.transport.publish([twice]);
  await audit.transport.publish([{ ...recordOf(tenantId, 'sentinel'), key: twice.key }]);
  const rows = await arrived(tenantId, 2);
  expect(new Set(rows.map((row) => row.id)).size).toBe(2);
});

test('an event that cannot be read is parked and holds nobody up', async () => {
  const tenantId = tenant();
  const broken = { ...recordOf(tenantId, 'broken'), value: Uint8Array.of(0xff, 0xff) };
  await audit.transport.publish([broken, { ...recordOf(tenantId, 'good'), key: broken.key }]);
  const [row] = await arrived(tenantId, 1);
  expect(row?.metadata).toMatchObject({ event: { agent: { name: 'good' } } });
  const parked = await audit.database.query('select reason from parked_events where tenant_id = $1', [tenantId]);
  expect(parked).toEqual([{ reason: 'EVENT_UNREADABLE' }]);
});

test('a one-liner outside of the fleet recomputes the hash from the exported bytes', async () => {
  const tenantId = tenant();
  await createAgent(tenantId, 'Zoë “proof” \u2028');
  const [row] = await arrived(tenantId, 2);
  const token = await audit.identity.token({ tenantId });
  const event = await audit.client.getAuditEvent({ id: row?.id ?? '' }, { token });
  expect(recompute(event.canonical)).toBe(event.checksum);
  expect(event.checksum).toBe(row?.checksum);
});

test('ten thousand events are taken in, all of them', async () => {
  const tenantId = tenant();
  const records = Array.from({ length: 10_000 }, (_, n) => recordOf(tenantId, `agent ${n}`));
  const startedAt = performance.now();
  for (let at = 0; at < records.length; at += 1_000) await audit.transport.publish(records.slice(at, at + 1_000));
  const counted = () =>
    audit.database.query<{ count: string }>('select count(*) from audit_events where tenant_id = $1', [tenantId]);
  await eventually(async () => expect((await counted())[0]?.count).toBe('10000'), {
    timeoutMs: 150_000,
    intervalMs: 100,
  });
  const seconds = (performance.now() - startedAt) / 1000;
  process.stdout.write(`audit: 10,000 events published and ingested in ${seconds.toFixed(2)} s\n`);
}, 180_000);

function recordOf(tenantId: string, name: string): OutgoingRecord {
  const id = newId();
  return {
    topic: 'flotilla.agent.v1',
    key: id,
    value: toBinary(AgentCreatedSchema, create(AgentCreatedSchema, { agent: { id, name } })),
    headers: {
      ce_specversion: '1.0',
      ce_id: newId(),
      ce_type: AgentCreatedSchema.typeName,
      ce_source: 'flotilla/agent',
      ce_time: new Date().toISOString(),
      ce_subject: `agents/${id}`,
      'content-type': 'application/protobuf',
      tenantid: tenantId,
      eventseq: '1',
      causationdepth: '0',
      actortype: 'user',
      actorid: actor.id,
    },
  };
}

/** What outsiders have at hand: each prints the hash first. */
const tools: readonly (readonly [string, readonly string[]])[] = [
  ['python3', ['-c', 'import hashlib,sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())']],
  ['openssl', ['dgst', '-sha256', '-r']],
  ['sha256sum', []],
];

/** By the first tool that this machine has. */
function recompute(bytes: Uint8Array): string {
  for (const [tool, argv] of tools) {
    const { status, stdout } = spawnSync(tool, argv, { input: bytes, timeout: 30_000 });
    if (status === 0) return stdout.toString().trim().split(' ')[0] ?? '';
  }
  throw new Error('No tool here computes SHA-256.');
}
