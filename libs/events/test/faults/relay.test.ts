import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRelay, dropTopics, type Transport } from '../../src/index.ts';
import { type AgentsDatabase, agentsDatabase, createAgent, log, renameAgent } from '../agents-database.ts';
import { kafkaBrokers } from '../config.ts';
import { eventually } from '../eventually.ts';
import { startChild } from './child.ts';
import { expectEachEventOnce, newPrefix, openTransport, recordingConsumer, topicsWith } from './fault-harness.ts';

let database: AgentsDatabase;
let transport: Transport;
const prefix = newPrefix();

beforeAll(async () => {
  database = await agentsDatabase();
  transport = await openTransport(kafkaBrokers(), prefix);
});
afterAll(async () => {
  await transport?.close();
  await dropTopics(kafkaBrokers(), topicsWith(prefix));
  await database?.drop();
});

test('a relay killed between acknowledgement and move: deliveries exceed distinct ids, effects do not', async () => {
  const tenantId = randomUUID();
  for (let n = 0; n < 20; n++)
    await renameAgent(database.db, tenantId, await createAgent(database.db, tenantId, 'a'), 'b');
  await startChild('dying-relay.ts', { url: database.relayUrl, brokers: kafkaBrokers(), prefix }).exited;
  expect((await database.query('select from outbox')).length).toBeGreaterThan(0);

  const ids: string[] = [];
  const watcher = transport.subscribe({
    group: 'watcher',
    topics: ['flotilla.agent.v1'],
    handle: async (records) => ids.push(...records.map(({ headers }) => headers['ce_id'] ?? '')) && records.length,
  });
  const consumer = recordingConsumer(database.db, transport);
  consumer.start();
  const relay = createRelay({ url: database.relayUrl, transport, log });
  relay.start();
  await eventually(async () => {
    await expectEachEventOnce(database);
    expect(await database.query('select from outbox')).toEqual([]);
    expect(ids.length).toBeGreaterThan(new Set(ids).size);
    expect(new Set(ids).size).toBe(40);
  });
  await Promise.all([relay.stop(), consumer.stop(), watcher.stop()]);
});

test('of several relays one publishes; when it loses its connection another takes over', async () => {
  const relays = [1, 2, 3].map(() => createRelay({ url: database.relayUrl, transport, log, standbyMs: 50 }));
  for (const relay of relays) relay.start();
  const holders = () => relays.filter((relay) => relay.isHolder());
  await eventually(() => expect(holders()).toHaveLength(1));
  await createAgent(database.db, randomUUID(), 'a');
  await eventually(async () => expect(await database.query('select from outbox')).toEqual([]));
  expect(holders()).toHaveLength(1);
  const [lost] = await database.query<{ pid: number }>(
    `select pg_terminate_backend(pid), pid from pg_locks where locktype = 'advisory' and granted
       and database = (select oid from pg_database where datname = current_database())`,
  );
  expect(lost).toBeDefined();
  await createAgent(database.db, randomUUID(), 'b');
  await eventually(async () => {
    expect(await database.query('select from outbox')).toEqual([]);
    expect(holders()).toHaveLength(1);
  });
  await Promise.all(relays.map((relay) => relay.stop()));
});
