import { randomUUID } from 'node:crypto';
import { startTestIdentity, testRedisUrl } from '@flotilla/testing';
import { afterEach, expect, test } from 'vitest';
import { parseConfig } from '../src/config.ts';
import { createService } from '../src/service.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

test('the service starts, is ready while identity answers, records refused credentials and stops', async () => {
  const identity = await startTestIdentity();
  stops.push(() => identity.stop());
  const service = createService(
    parseConfig({
      GATEWAY_HTTP_PORT: '0',
      GATEWAY_ADMIN_PORT: '0',
      GATEWAY_CLIENT_SECRET: 'a-secret-of-the-gateway',
      FLOTILLA_IDENTITY_ADDRESS: identity.address,
      FLOTILLA_REDIS_URL: 'redis://127.0.0.1:1',
      FLOTILLA_LOG_LEVEL: 'silent',
    }),
  );
  const { httpPort, adminPort } = await service.start();
  stops.push(() => service.stop());

  const ready = async (): Promise<number> => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status;
  await expect.poll(ready).toBe(200);
  const refused = await fetch(`http://127.0.0.1:${httpPort}/v1/agents`, { headers: { 'x-api-key': 'flk_nobody' } });
  expect(refused.status).toBe(401);
  const { traceId } = (await refused.json()) as { traceId: string };
  await expect.poll(() => identity.actions.length).toBe(1);
  expect(identity.actions[0]).toMatchObject({
    service: 'gateway',
    reason: 'CREDENTIAL_INVALID',
    action: 'AgentService.ListAgents',
  });
  expect(identity.actions[0]?.traceparent).toContain(traceId);

  const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  expect(metrics).toMatch(/http_request_duration_seconds_count\{[^}]*route="\/v1\/agents"[^}]*status="401"/);
});

test('an address that fails too often has to wait, whichever replica it asks', async () => {
  const identity = await startTestIdentity();
  stops.push(() => identity.stop());
  const prefix = randomUUID();
  const statuses: number[] = [];
  const replicas = [0, 1].map(() =>
    createService(
      parseConfig({
        GATEWAY_HTTP_PORT: '0',
        GATEWAY_ADMIN_PORT: '0',
        GATEWAY_CLIENT_SECRET: 'a-secret-of-the-gateway',
        GATEWAY_TRUSTED_PROXIES: '127.0.0.1',
        GATEWAY_FAILED_CREDENTIALS_PER_MINUTE: '6',
        FLOTILLA_IDENTITY_ADDRESS: identity.address,
        FLOTILLA_REDIS_URL: testRedisUrl(),
        FLOTILLA_LOG_LEVEL: 'silent',
      }),
    ),
  );
  const ports = await Promise.all(replicas.map(async (replica) => (await replica.start()).httpPort));
  stops.push(async () => void (await Promise.all(replicas.map((replica) => replica.stop()))));
  // An address of this run's own: the server may have been used before.
  const address = `2001:db8::${prefix.slice(0, 4)}:${prefix.slice(9, 13)}`;
  for (let n = 0; n < 40 && statuses.at(-1) !== 429; n += 1) {
    const response = await fetch(`http://127.0.0.1:${ports[n % 2]}/v1/agents`, {
      headers: { 'x-api-key': `flk_guess${n}`, 'x-forwarded-for': address },
    });
    statuses.push(response.status);
    await response.arrayBuffer();
  }
  expect(statuses.slice(0, 6)).toEqual([401, 401, 401, 401, 401, 401]);
  expect(statuses.at(-1)).toBe(429);
});

test('wrong configuration is reported all at once', () => {
  expect(() => parseConfig({ GATEWAY_HTTP_PORT: '70000', GATEWAY_CREDENTIAL_TTL_MS: '9000' })).toThrow(
    /GATEWAY_HTTP_PORT.*GATEWAY_CLIENT_SECRET.*FLOTILLA_REDIS_URL.*GATEWAY_CREDENTIAL_TTL_MS/,
  );
});
