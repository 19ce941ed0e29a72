import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRelay, dropTopics, type Relay, type Transport } from '../../src/index.ts';
import { type AgentsDatabase, agentsDatabase, createAgent, log, renameAgent } from '../agents-database.ts';
import { kafkaBrokers } from '../config.ts';
import { eventually } from '../eventually.ts';
import { startChild } from './child.ts';
import { expectEachEventOnce, newPrefix, openTransport, topicsWith } from './fault-harness.ts';

let database: AgentsDatabase;
let transport: Transport;
let relay: Relay;
const prefix = newPrefix();

beforeAll(async () => {
  database = await agentsDatabase();
  transport = await openTransport(kafkaBrokers(), prefix);
  relay = createRelay({ url: database.relayUrl, transport, log });
  relay.start();
});
afterAll(async () => {
  await relay?.stop();
  await transport?.close();
  await dropTopics(kafkaBrokers(), topicsWith(prefix));
  await database?.drop();
});

test('consumers killed in the middle of events: others finish, each event has one effect, in order', async () => {
  const tenantId = randomUUID();
  for (let n = 0; n < 150; n++) {
    const id = await createAgent(database.db, tenantId, 'a');
    await renameAgent(database.db, tenantId, id, 'b');
  }
  const start = () =>
    startChild('consuming-process.ts', { url: database.appUrl, brokers: kafkaBrokers(), prefix, group: 'g' });
  const effects = async () =>
    Number((await database.query<{ count: string }>('select count(*) from effects'))[0]?.count);
  let consumer = start();
  for (const goal of [30, 150]) {
    await eventually(async () => expect(await effects()).toBeGreaterThan(goal), 40_000);
    await consumer.kill();
    consumer = start();
  }
  await eventually(() => expectEachEventOnce(database), 60_000);
  expect(await effects()).toBe(300);
  await consumer.kill();
});
