import { randomUUID } from 'node:crypto';
import { eventually, modelReplies, type ScriptedModel } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { agentOf } from './estate.ts';
import { readStream, type StreamEvent } from './event-stream.ts';
import { type Account, type Fleet, openFleet } from './fleet.ts';
import { unready } from './footprint.ts';
import { type StartedFleet, startFleet } from './start-fleet.ts';

let started: StartedFleet;
let fleet: Fleet;
let model: ScriptedModel;
let tenant: Account;

beforeAll(async () => {
  started = await startFleet('replicas', 2);
  fleet = await openFleet(started.site);
  model = await fleet.playModel([modelReplies.text('Hello.')]);
  tenant = await fleet.newTenant();
}, 600_000);
afterAll(async () => {
  await model?.stop();
  await started?.stop({ logs: false });
}, 120_000);

/** A run of three steps over two other services, with an effect at the tracker. */
function definitionOf(agentId: string) {
  return {
    steps: [
      {
        id: 'open',
        kind: 'http',
        url: `${fleet.trackerUrl}/records`,
        body: { title: 'Two of each', runId: '${run.id}' },
        undo: { url: `${fleet.trackerUrl}/undo`, body: { key: '${effect.key}' } },
        retry: { maxAttempts: 10 },
        next: 'ask',
      },
      { id: 'ask', kind: 'agent', agentId, prompt: 'Say hello.', retry: { maxAttempts: 10 }, next: 'route' },
      {
        id: 'route',
        kind: 'decision',
        cases: [{ when: "steps.ask.text == 'Hello.'", next: '$end' }],
        default: { next: '$fail' },
      },
    ],
    output: { said: '${steps.ask.text}' },
  };
}

/** Creates, executes and runs through one gateway, looks through another. */
async function smoke(writeAt: number, readAt: number): Promise<void> {
  const { key } = tenant;
  const post = (path: string, body: unknown) => fleet.ok('POST', path, { key, body, replica: writeAt });
  const get = (path: string) => fleet.ok('GET', path, { key, replica: readAt });
  const agent = await post('/v1/agents', agentOf(`a-${randomUUID()}`));
  expect((await get(`/v1/agents/${agent.id}`)).slug).toBe(agent.slug);
  const execution = await post(`/v1/agents/${agent.id}:execute`, { prompt: 'Say hello.' });
  expect(await get(`/v1/executions/${execution.id}`)).toMatchObject({
    status: 'EXECUTION_STATUS_COMPLETED',
    response: 'Hello.',
  });
  const wish = { name: 'W', slug: `w-${randomUUID()}`, definition: definitionOf(agent.id) };
  const workflow = await post('/v1/workflows', wish);
  await post(`/v1/workflows/${workflow.id}:activate`, {});
  const run = await post(`/v1/workflows/${workflow.id}:start`, {});
  const path = `/v1/instances/${run.id}:watch`;
  const seen: StreamEvent[] = [];
  for await (const event of readStream(fleet, 'GET', path, { key, replica: writeAt })) {
    seen.push(event);
    if (seen.length === 3) break;
  }
  const headers = { 'last-event-id': seen.at(-1)?.id ?? '' };
  seen.push(...(await Array.fromAsync(readStream(fleet, 'GET', path, { key, headers, replica: readAt }))));
  const updates = seen.filter(({ event }) => event === 'message');
  expect(updates.map(({ id }) => Number(id))).toEqual(updates.map((_, index) => index + 1));
  expect(updates.at(-1)?.data.instance).toMatchObject({
    status: 'INSTANCE_STATUS_COMPLETED',
    output: { said: 'Hello.' },
  });
  const state = (await (await fetch(`${fleet.trackerUrl}/state`)).json()) as { records: { runId: string }[] };
  expect(state.records.filter(({ runId }) => runId === run.id)).toHaveLength(1);
  await eventually(
    async () => {
      const { auditEvents } = await get(`/v1/audit-events?resourceId=${run.id}&pageSize=200`);
      const completed = auditEvents.filter(
        ({ action }: { action: string }) => action === 'flotilla.workflow.v1.InstanceCompleted',
      );
      expect(completed).toHaveLength(1);
    },
    { timeoutMs: 120_000, intervalMs: 300 },
  );
}

test('with two of each service everything works, whichever of them answers', async () => {
  expect(await unready(fleet)).toEqual([]);
  await smoke(1, 2);
  await smoke(2, 1);
});

test('a key that was revoked at one gateway is refused by the other within five seconds', async () => {
  const wish = { key: tenant.key, body: { name: 'k' } };
  const { key, apiKey } = await fleet.ok('POST', '/v1/api-keys', wish);
  for (const replica of [1, 2]) await fleet.ok('GET', '/v1/agents', { key, replica });
  await fleet.ok('POST', `/v1/api-keys/${apiKey.id}:revoke`, { key: tenant.key, body: {} });
  const since = Date.now();
  let lastGood = since;
  await eventually(
    async () => {
      const asked = Date.now();
      const { status } = await fleet.call('GET', '/v1/agents', { key, replica: 2 });
      if (status === 200) lastGood = asked;
      expect(status).toBe(401);
    },
    { timeoutMs: 20_000, intervalMs: 100 },
  );
  expect(lastGood - since).toBeLessThan(6_500);
});

test('the first of each service dies for good, and the second does all the work', async () => {
  const services = ['identity', 'llm-agent', 'workflow', 'validation', 'notification', 'audit', 'gateway'];
  for (const service of services) await fleet.flotilla('hold', service, '--signal', 'SIGKILL');
  try {
    // Runs that the dead one drove are taken over; whoever asks meanwhile may have to ask again.
    await eventually(() => smoke(2, 2), { timeoutMs: 180_000, intervalMs: 1_000 });
  } finally {
    for (const service of services) await fleet.flotilla('release', service);
  }
});
