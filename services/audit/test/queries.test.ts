import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { AuditEvent, ListAuditEventsRequestSchema } from '@flotilla/contracts/audit';
import { createLogger } from '@flotilla/observability';
import { createDatabase, newId } from '@flotilla/postgres';
import { eventually, tenant } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertAuditEvents } from '../src/db/audit-event-repository.ts';
import type { Schema } from '../src/db/schema.ts';
import type { AuditEvent as Kept } from '../src/domain/audit-event.ts';
import { seal } from '../src/domain/canonical-form.ts';
import { type AuditUnderTest, startAudit } from './harness.ts';

let audit: AuditUnderTest;
let token: string;
const tenantId = tenant();
const trace = '0af7651916cd43dd8448eb211c80319c';

/** Thirty records over three months, three of them at the same millisecond. */
const records: readonly Kept[] = Array.from({ length: 30 }, (_, n) => ({
  id: newId(),
  tenantId,
  occurredAt: new Date(Date.UTC(2026, Math.floor(n / 10), 1 + (n % 10), 12, 0, 0, n < 3 ? 0 : n)),
  eventType: (['domain_event', 'captured_change', 'recorded_action'] as const)[n % 3] ?? 'domain_event',
  actorType: 'user' as const,
  actorId: n % 2 === 0 ? 'ada' : 'bob',
  action: n % 5 === 0 ? 'agent.create' : 'update',
  resourceType: 'agents',
  resourceId: `agent-${n % 4}`,
  result: 'success' as const,
  metadata: { n },
  beforeState: undefined,
  afterState: n % 3 === 1 ? { name: `n${n}` } : undefined,
  traceId: n === 7 ? trace : undefined,
})).map((record, n) => (n < 3 ? { ...record, occurredAt: new Date('2026-01-01T12:00:00Z') } : record));

beforeAll(async () => {
  audit = await startAudit();
  const log = createLogger({ service: 'audit-test', level: 'silent' });
  const db = createDatabase<Schema>({ url: audit.database.appUrl, maxConnections: 1, applicationName: 'test', log });
  await db.inTenant({ tenantId, actor: { type: 'system', id: '' } }, (tx) => insertAuditEvents(tx, records.map(seal)));
  await db.close();
  token = await audit.identity.token({ tenantId });
});
afterAll(() => audit.stop());

/** All pages of a list. */
async function list(
  request: MessageInitShape<typeof ListAuditEventsRequestSchema>,
  pageSize = 7,
): Promise<AuditEvent[]> {
  const found: AuditEvent[] = [];
  for (let pageToken = ''; ; ) {
    const page = await audit.client.listAuditEvents({ ...request, pageSize, pageToken }, { token });
    found.push(...page.auditEvents);
    pageToken = page.nextPageToken;
    if (pageToken === '') return found;
    expect(page.auditEvents).toHaveLength(pageSize);
  }
}

const numbers = (events: readonly AuditEvent[]): number[] => events.map((event) => Number(event.metadata?.['n']));
const expected = (holds: (record: Kept) => boolean): number[] =>
  records
    .filter(holds)
    .toSorted((a, b) => b.occurredAt.getTime() - a.occurredAt.getTime() || (a.id < b.id ? 1 : -1))
    .map((record) => Number(record.metadata['n']));

test('pages hold every record once, newest first, whatever their size', async () => {
  const all = expected(() => true);
  for (const size of [1, 2, 7, 29, 30, 200]) expect(numbers(await list({}, size))).toEqual(all);
});

test('records are found by actor, resource, action, type, trace and time', async () => {
  expect(numbers(await list({ actorId: 'ada' }))).toEqual(expected((record) => record.actorId === 'ada'));
  expect(numbers(await list({ resourceType: 'agents', resourceId: 'agent-2' }))).toEqual(
    expected((record) => record.resourceId === 'agent-2'),
  );
  expect(numbers(await list({ action: 'agent.create' }))).toEqual(
    expected((record) => record.action === 'agent.create'),
  );
  expect(numbers(await list({ eventType: 'captured_change' }))).toEqual(
    expected((record) => record.eventType === 'captured_change'),
  );
  expect(numbers(await list({ traceId: trace }))).toEqual([7]);
  const from = new Date('2026-02-01T00:00:00Z');
  const until = new Date('2026-03-01T00:00:00Z');
  expect(numbers(await list({ startTime: timestampFromDate(from), endTime: timestampFromDate(until) }))).toEqual(
    expected((record) => record.occurredAt >= from && record.occurredAt < until),
  );
  expect(await list({ actorId: 'nobody' })).toEqual([]);
});

test('one record comes with its bytes, a list without', async () => {
  const id = records[4]?.id ?? '';
  const event = await audit.client.getAuditEvent({ id }, { token });
  expect(event).toMatchObject({ id, canon: 1, afterState: { name: 'n4' }, metadata: { n: 4 } });
  expect(JSON.parse(Buffer.from(event.canonical).toString())).toMatchObject({ id, tenantId, canon: 1 });
  expect((await list({}))[0]?.canonical).toHaveLength(0);
});

test('reading the log is an action for the log', async () => {
  const auditor = newId();
  const own = await audit.identity.token({ tenantId, userId: auditor });
  const id = records[4]?.id ?? '';
  await audit.client.listAuditEvents({}, { token: own });
  await audit.client.getAuditEvent({ id }, { token: own });
  const recorded = () => audit.actions.filter((action) => action.actorId === auditor);
  await eventually(() => expect(recorded()).toHaveLength(2));
  const common = { tenantId, action: 'audit.read', resourceType: 'audit_events', service: 'audit' };
  expect(recorded()).toMatchObject([
    { ...common, resourceId: '' },
    { ...common, resourceId: id },
  ]);
});

test('other tenants find nothing; without the permission nobody does', async () => {
  const id = records[0]?.id ?? '';
  const other = await audit.identity.token({ tenantId: tenant() });
  expect((await audit.client.listAuditEvents({}, { token: other })).auditEvents).toEqual([]);
  await expect(audit.client.getAuditEvent({ id }, { token: other })).rejects.toMatchObject({
    code: 'not_found',
    reason: 'AUDIT_EVENT_NOT_FOUND',
  });
  const powerless = await audit.identity.token({ tenantId, permissions: ['agents:read'] });
  await expect(audit.client.listAuditEvents({}, { token: powerless })).rejects.toMatchObject({
    code: 'permission_denied',
  });
  await expect(audit.client.listAuditEvents({ pageToken: 'nonsense' }, { token })).rejects.toMatchObject({
    code: 'invalid_argument',
    reason: 'PAGE_TOKEN_INVALID',
  });
});
