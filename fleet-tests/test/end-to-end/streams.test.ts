import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { JsonObject } from '@bufbuild/protobuf';
import { portOffsets } from '@flotilla/deploy';
import { eventually, inspecting, modelReplies, type ScriptedModel } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { agentOf } from './estate.ts';
import { readStream, type StreamEvent } from './event-stream.ts';
import { type Account, type Fleet, openFleet } from './fleet.ts';

let fleet: Fleet;
let model: ScriptedModel;
let tenant: Account;
let agentId: string;
beforeAll(async () => {
  fleet = await openFleet();
  model = await fleet.playModel([modelReplies.text('Hello.')]);
  tenant = await fleet.newTenant();
  agentId = (await fleet.ok('POST', '/v1/agents', { key: tenant.key, body: agentOf(`a-${randomUUID()}`) })).id;
});
afterAll(() => model.stop());

const read = (path: string, headers: Record<string, string> = {}) =>
  readStream(fleet, 'GET', path, { key: tenant.key, headers });
const cursorsOf = (events: readonly StreamEvent[]) =>
  events.filter(({ event }) => event === 'message').map(({ id }) => Number(id));
/** An update shows the run as it was then, with the etag that it has when it is read. */
const withoutEtag = ({ id, event, data }: StreamEvent) => ({
  id,
  event,
  data: data.instance === undefined ? data : { ...data, instance: { ...data.instance, etag: '' } },
});
const textOf = (events: readonly StreamEvent[]) => events.map(({ data }) => data.textDelta ?? '').join('');

test('a run is followed from its first step to its end; resumed after event 3, it goes on with 4', async () => {
  const decision = (id: string, next: string): JsonObject => ({
    id,
    kind: 'decision',
    cases: [{ when: 'true', next }],
    default: { next: '$end' },
  });
  const definition = { steps: [decision('a', 'b'), decision('b', 'c'), decision('c', '$end')] };
  const wish = { name: 'W', slug: `w-${randomUUID()}`, definition };
  const { id } = await fleet.ok('POST', '/v1/workflows', { key: tenant.key, body: wish });
  await fleet.ok('POST', `/v1/workflows/${id}:activate`, { key: tenant.key, body: {} });
  const run = await fleet.ok('POST', `/v1/workflows/${id}:start`, { key: tenant.key, body: {} });
  const path = `/v1/instances/${run.id}:watch`;
  const all = await Array.fromAsync(read(path));
  const cursors = cursorsOf(all);
  expect(cursors.length).toBeGreaterThan(4);
  expect(cursors).toEqual(cursors.map((_, index) => index + 1));
  expect(all.at(-1)?.event).toBe('end');
  expect(all.findLast(({ event }) => event === 'message')?.data.instance.status).toBe('INSTANCE_STATUS_COMPLETED');
  const rest = await Array.fromAsync(read(path, { 'last-event-id': '3' }));
  expect(rest[0]?.id).toBe('4');
  expect(rest.map(withoutEtag)).toEqual(all.slice(3).map(withoutEtag));
  expect((await Array.fromAsync(read(`${path}?after=3`))).map(withoutEtag)).toEqual(rest.map(withoutEtag));
});

test('an answer is read as it grows; a reader who comes back after event 3 misses and repeats nothing', async () => {
  const { promise: goOn, resolve: release } = Promise.withResolvers<void>();
  const words = Array.from({ length: 12 }, (_, index) => `${'word '.repeat(60)}${index}. `);
  async function* slowly() {
    for (const [index, word] of words.entries()) {
      if (index === 6) await goOn;
      yield word;
    }
  }
  model.play([modelReplies.text(slowly())]);
  const live: StreamEvent[] = [];
  const path = `/v1/agents/${agentId}:stream`;
  const stream = readStream(fleet, 'POST', path, { key: tenant.key, body: { prompt: 'Tell me.' } });
  for await (const event of stream) {
    live.push(event);
    if (live.length === 3) break;
  }
  const { executions } = await fleet.ok('GET', `/v1/executions?agentId=${agentId}`, { key: tenant.key });
  expect(executions[0].status).toBe('EXECUTION_STATUS_RUNNING');
  release();
  const last = live.at(-1)?.id ?? '';
  const rest = await Array.fromAsync(read(`/v1/executions/${executions[0].id}:watch`, { 'last-event-id': last }));
  expect(Number(rest[0]?.id)).toBe(Number(last) + 1);
  const cursors = cursorsOf([...live, ...rest]);
  expect(cursors).toEqual(cursors.map((_, index) => index + 1));
  expect(textOf([...live, ...rest])).toBe(words.join(''));
  expect(rest.at(-1)?.event).toBe('end');
});

test('a stream of somebody else’s, or after what never was, is refused before it begins', async () => {
  const stranger = await fleet.newTenant();
  const { executions } = await fleet.ok('GET', `/v1/executions?agentId=${agentId}`, { key: tenant.key });
  const path = `/v1/executions/${executions[0].id}:watch`;
  expect((await fleet.call('GET', path, { key: stranger.key })).status).toBe(404);
  expect((await fleet.call('GET', path)).status).toBe(401);
  for (const headers of [{ 'last-event-id': 'x' }, { 'last-event-id': '-1' }]) {
    expect((await fleet.call('GET', path, { key: tenant.key, headers })).status).toBe(400);
  }
});

test('forty clients that take nothing do not grow the gateway’s memory', async () => {
  // The kernel takes up to 4 MB for each connection. More than that has to come, and in small pieces: an answer that
  // breaks off three times is told three times, and its end is short.
  const megabytes = 3;
  const body = { ...agentOf(`a-${randomUUID()}`), limits: { timeout: '300s', maxAttempts: 4 } };
  const agent = await fleet.ok('POST', '/v1/agents', { key: tenant.key, body });
  const kept = `select coalesce(sum(length(text)), 0)::int as length from execution_updates
    where kind = 'text' and execution_id = (select id from executions where agent_id = $1)`;
  async function* breaksOff(attempt: number) {
    for (let piece = 0; piece < megabytes * 128; piece += 1) yield 'x'.repeat(8 * 1024);
    const wanted = attempt * megabytes * 1024 * 1024;
    await eventually(
      async () => (await fleet.sql<{ length: number }>('llm-agent', kept, [agent.id]))[0]?.length === wanted,
      {
        timeoutMs: 60_000,
      },
    );
    throw new Error('the connection breaks');
  }
  let hit = 0;
  model.play(() => {
    hit += 1;
    return modelReplies.text(hit <= 3 ? breaksOff(hit) : 'At last.');
  });
  const prompt = { key: tenant.key, body: { prompt: 'At length.' } };
  // One who reads it all shows that there is that much to take, and warms the way.
  const all = await Array.fromAsync(readStream(fleet, 'POST', `/v1/agents/${agent.id}:stream`, prompt));
  expect(textOf(all).length).toBeGreaterThan(3 * megabytes * 1024 * 1024);
  const { execution } = all.findLast(({ event }) => event === 'message')?.data ?? {};
  expect(execution).toMatchObject({ status: 'EXECUTION_STATUS_COMPLETED', response: 'At last.' });
  const { processes } = JSON.parse(await fleet.flotilla('status', '--json')) as {
    processes: { name: string; pid: number }[];
  };
  const pid = processes.find(({ name }) => name === 'gateway')?.pid ?? 0;
  const path = `/v1/executions/${execution.id}:watch`;
  await collectGarbage(pid);
  const before = (await samples(() => residentMegabytes(pid))).at(-1) ?? 0;
  const clients: Socket[] = [];
  try {
    // One after another, and then collected: what they cause is to be told from what is held.
    for (let open = 1; open <= 40; open += 1) {
      clients.push(await stalledClient(path));
      await eventually(async () => expect(await openStreams()).toBeGreaterThanOrEqual(open), { timeoutMs: 60_000 });
    }
    await samples(() => residentMegabytes(pid));
    await collectGarbage(pid);
    const grown = (await samples(() => residentMegabytes(pid) - before)).at(-1);
    // Held for them all it would be 200 MB in the simplest form, whatever the kernel has taken, and several times that in all.
    expect(grown).toBeLessThan(100);
    expect((await fleet.call('GET', `/v1/agents/${agentId}`, { key: tenant.key })).status).toBe(200);
  } finally {
    for (const client of clients) client.destroy();
  }
  await eventually(async () => expect(await openStreams()).toBe(0), { timeoutMs: 60_000, intervalMs: 250 });
});

/** Has a process give back what it does not hold any more, so that its memory says what it holds. */
const collectGarbage = (pid: number) => inspecting(pid, (ask) => ask('HeapProfiler.collectGarbage'));

/** Asks for a stream and never reads from its socket. */
function stalledClient(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(fleet.site.portBase + portOffsets.gateway.http, '127.0.0.1', () => {
      socket.pause();
      socket.write(`GET ${path} HTTP/1.1\r\nHost: fleet\r\nAuthorization: Bearer ${tenant.key}\r\n\r\n`);
      resolve(socket);
    });
    socket.on('error', reject);
  });
}

/** Looks at something every 100 ms until it has stood nearly still for 3 s. */
async function samples(look: () => number): Promise<readonly number[]> {
  const seen: number[] = [];
  await eventually(
    () => {
      seen.push(look());
      const recent = seen.slice(-30);
      return recent.length === 30 && Math.max(...recent) - Math.min(...recent) < 4;
    },
    { timeoutMs: 60_000, intervalMs: 100 },
  );
  return seen;
}

function residentMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

async function openStreams(): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${fleet.site.portBase + portOffsets.gateway.admin}/metrics`);
  return Number(/^gateway_open_streams(?:\{[^}]*\})? (\d+)/m.exec(await response.text())?.[1]);
}
