import { AgentService } from '@flotilla/contracts/agent';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Edge, startEdge } from './harness.ts';

let edge: Edge;
const failed: string[] = [];
let blockedForMs = 0;
beforeAll(async () => {
  edge = await startEdge({
    failures: { blockedForMs: async () => blockedForMs, record: async (address) => void failed.push(address) },
  });
});
afterAll(() => edge.close());

const statusWith = async (headers: Record<string, string>): Promise<number> => {
  const response = await fetch(`${edge.url}/v1/agents`, { headers });
  await response.arrayBuffer();
  return response.status;
};

test('a key works as a bearer token and as X-API-Key, and is exchanged once for a burst of requests', async () => {
  const before = edge.exchanges.count;
  const statuses = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      statusWith(n % 2 === 0 ? { authorization: 'Bearer flk_good' } : { 'x-api-key': 'flk_good' }),
    ),
  );
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(edge.exchanges.count).toBe(before + 1);
});

test('the service sees the signed principal, never the key', async () => {
  await statusWith({ 'x-api-key': 'flk_good' });
  const call = edge.calls.findLast(({ method }) => method === 'ListAgents')?.call;
  expect(call?.token).toMatch(/^eyJ/);
  expect(call?.metadata('x-api-key')).toBeUndefined();
});

test('a wrong credential is refused, counted for its address and handed to the audit log', async () => {
  failed.length = 0;
  expect(await statusWith({ authorization: 'Bearer flk_wrong' })).toBe(401);
  expect(await statusWith({ authorization: 'Bearer flk_wrong' })).toBe(401);
  expect(failed).toHaveLength(2);
  expect(edge.denials.slice(-2)).toEqual(['CREDENTIAL_INVALID', 'CREDENTIAL_INVALID']);
});

test('an address that keeps failing waits; who is known already does not', async () => {
  expect(await statusWith({ 'x-api-key': 'flk_good' })).toBe(200);
  blockedForMs = 2_500;
  const blocked = await fetch(`${edge.url}/v1/agents`, { headers: { 'x-api-key': 'flk_other' } });
  expect([blocked.status, blocked.headers.get('retry-after')]).toEqual([429, '3']);
  await blocked.arrayBuffer();
  expect(await statusWith({ 'x-api-key': 'flk_good' })).toBe(200);
  blockedForMs = 0;
});

test('a revoked key is refused as soon as the cached answer is old', async () => {
  const own = await startEdge({ credentialTtlMs: 300 });
  own.on(AgentService.method.listAgents, () => ({}));
  const status = async (): Promise<number> => (await own.fetch('/v1/agents')).status;
  expect(await status()).toBe(200);
  own.revoke('flk_good');
  await expect.poll(status, { timeout: 2_000 }).toBe(401);
  await own.close();
});
