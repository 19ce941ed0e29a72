import { TriggerService } from '@flotilla/contracts/workflow';
import { AppError } from '@flotilla/errors';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Edge, startEdge } from './harness.ts';

let edge: Edge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => edge.close());

const signed = {
  'webhook-id': 'msg_1',
  'webhook-timestamp': '1800000000',
  'webhook-signature': 'v1,abc',
  'content-type': 'application/json; charset=weird',
};
const post = (body: string | null, headers: Record<string, string> = signed, path = 'hook') =>
  fetch(`${edge.url}/v1/hooks/${path}`, { method: 'POST', body, headers });

test('a webhook is handed on byte by byte, without a credential', async () => {
  edge.on(TriggerService.method.deliverWebhook, () => ({ firingId: 'f1' }));
  const body = '{ "a" : 1,\n "a":2 }  ';
  const answer = await post(body);
  expect([answer.status, await answer.json()]).toEqual([202, { firingId: 'f1' }]);
  const { request } = edge.calls.at(-1) ?? {};
  expect(request).toMatchObject({ path: 'hook', webhookId: 'msg_1', webhookTimestamp: '1800000000' });
  expect(Buffer.from(request?.['body'] as Uint8Array).toString()).toBe(body);
  expect((await post(null)).status).toBe(202);
});

test('one that is not signed, refused or too large is answered with a problem', async () => {
  const { 'webhook-signature': _, ...unsigned } = signed;
  const before = edge.calls.length;
  expect(await (await post('{}', unsigned)).json()).toMatchObject({ status: 401, reason: 'WEBHOOK_UNSIGNED' });
  expect((await post('x'.repeat(262_145))).status).toBe(413);
  expect(edge.calls.length).toBe(before);
  edge.on(TriggerService.method.deliverWebhook, () => {
    throw new AppError('unauthenticated', 'WEBHOOK_REFUSED', 'No.');
  });
  expect(await (await post('{}')).json()).toMatchObject({ status: 401, reason: 'WEBHOOK_REFUSED' });
});
