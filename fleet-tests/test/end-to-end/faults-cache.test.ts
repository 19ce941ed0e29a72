import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { openSecrets, portOffsets, secretValue } from '@flotilla/deploy';
import { eventually } from '@flotilla/testing';
import { beforeAll, expect, test } from 'vitest';
import { agentOf } from './estate.ts';
import { type Account, type Fleet, openFleet } from './fleet.ts';
import { wellProcesses } from './load.ts';

let fleet: Fleet;
let account: Account;
beforeAll(async () => {
  fleet = await openFleet();
  account = await fleet.newTenant();
});

/** Empties Valkey, in its own words. */
async function flush(): Promise<void> {
  const { stateDir, portBase } = fleet.site;
  const password = secretValue(openSecrets(join(stateDir, 'secrets.json')), 'valkey');
  const socket = connect(portBase + portOffsets.valkey.redis, '127.0.0.1').setTimeout(30_000, () => socket.destroy());
  let said = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  socket.end(`AUTH ${password}\r\nFLUSHALL SYNC\r\nDBSIZE\r\nQUIT\r\n`);
  await once(socket, 'close');
  expect(said).toBe('+OK\r\n+OK\r\n:0\r\n+OK\r\n');
}

/** Posts one agent and, after something has happened, posts it again under the same key. */
async function postTwice(between: () => Promise<unknown>) {
  const request = {
    key: account.key,
    body: agentOf(`agent-${randomUUID()}`),
    headers: { 'idempotency-key': randomUUID() },
  };
  const first = await fleet.ok('POST', '/v1/agents', request);
  await between();
  const second = await fleet.ok('POST', '/v1/agents', request);
  expect(second).toEqual(first);
  const rows = await fleet.sql('llm-agent', 'select id from agents where tenant_id = $1 and slug = $2', [
    account.tenantId,
    request.body.slug,
  ]);
  expect(rows).toHaveLength(1);
}

test('Valkey flushed between a request and its retry: one effect, one answer', async () => {
  await postTwice(flush);
});

test('without Valkey requests are answered on, and once it is back all is well', async () => {
  await postTwice(() => fleet.flotilla('hold', 'valkey', '--signal', 'SIGKILL'));
  await fleet.flotilla('release', 'valkey');
  await wellProcesses(fleet);
  await eventually(async () => expect((await fleet.readiness())['gateway']).toBe(200), { timeoutMs: 60_000 });
});
