import { expect, test } from 'vitest';
import type { AuditEvent } from './audit-event.ts';
import { canonicalForm, seal } from './canonical-form.ts';

const event: AuditEvent = {
  id: '0198c1de-0000-7000-8000-000000000001',
  tenantId: '0198c1de-0000-7000-8000-00000000000a',
  occurredAt: new Date('2026-01-31T12:00:00.120Z'),
  eventType: 'captured_change',
  actorType: 'user',
  actorId: 'u',
  action: 'update',
  resourceType: 'agents',
  resourceId: 'a',
  result: 'success',
  metadata: { topic: 't', nested: { b: 1, a: [1e21, 0.1, -0] } },
  beforeState: { name: 'Zoë\u2028' },
  afterState: undefined,
  traceId: undefined,
};

test('the canonical form is fixed to the last byte', () => {
  expect(Buffer.from(canonicalForm(event)).toString('utf8')).toBe(
    '{"action":"update","actorId":"u","actorType":"user","afterState":null,"beforeState":{"name":"Zoë\u2028"},"canon":1,' +
      '"eventType":"captured_change","id":"0198c1de-0000-7000-8000-000000000001",' +
      '"metadata":{"nested":{"a":[1e+21,0.1,0],"b":1},"topic":"t"},"occurTime":"2026-01-31T12:00:00.120Z",' +
      '"resourceId":"a","resourceType":"agents","result":"success","tenantId":"0198c1de-0000-7000-8000-00000000000a",' +
      '"traceId":null}',
  );
  expect(seal(event).checksum).toBe('0be5878b72420befe4185aefa9d44d1bfdc0726251decaaf95e3b9757625289b');
});

test('the order in which an object was made does not matter, a changed value does', () => {
  const turned = { ...event, metadata: { nested: { a: [1e21, 0.1, -0], b: 1 }, topic: 't' } };
  expect(seal(turned).checksum).toBe(seal(event).checksum);
  expect(seal({ ...event, result: 'failure' }).checksum).not.toBe(seal(event).checksum);
});
