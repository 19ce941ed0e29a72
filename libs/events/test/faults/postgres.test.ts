import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningServer, startServer } from '@flotilla/deploy';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRelay, dropTopics, type Transport } from '../../src/index.ts';
import { type AgentsDatabase, agentsDatabase, log } from '../agents-database.ts';
import { kafkaBrokers } from '../config.ts';
import { eventually } from '../eventually.ts';
import {
  expectEachEventOnce,
  keepWriting,
  newPrefix,
  openTransport,
  recordingConsumer,
  topicsWith,
} from './fault-harness.ts';

let postgres: RunningServer;
let database: AgentsDatabase;
let transport: Transport;
const prefix = newPrefix();

beforeAll(async () => {
  postgres = await startServer('postgres', { stateDir: await mkdtemp(join(tmpdir(), 'flotilla-postgres-')) });
  database = await agentsDatabase(postgres.url);
  transport = await openTransport(kafkaBrokers(), prefix);
});
afterAll(async () => {
  await transport?.close();
  await dropTopics(kafkaBrokers(), topicsWith(prefix));
  await database?.drop();
  await postgres?.stop();
});

test('a database killed again and again: calls are told unavailable, afterwards everything goes on, each event once', async () => {
  const consumer = recordingConsumer(database.db, transport);
  consumer.start();
  await consumer.joined;
  const relay = createRelay({ url: database.relayUrl, transport, log });
  relay.start();
  const db = database.open(() => relay.wake());
  const writing = keepWriting(db);
  const moreWrites = async (count: number) => {
    const goal = writing.writes() + count;
    await eventually(() => expect(writing.writes()).toBeGreaterThan(goal), 60_000);
  };
  await moreWrites(50);
  for (let round = 0; round < 3; round++) {
    await postgres.kill('SIGKILL');
    await expect(db.ping()).rejects.toMatchObject({ code: 'unavailable' });
    await postgres.restart();
    await moreWrites(50);
  }
  await writing.stop();
  await eventually(async () => {
    expect(await database.query('select from outbox')).toEqual([]);
    await expectEachEventOnce(database);
  }, 60_000);
  expect(await consumer.parked()).toEqual([]);
  await Promise.all([relay.stop(), consumer.stop()]);
});
