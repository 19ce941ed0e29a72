import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningServer, startServer } from '@flotilla/deploy';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRelay, type Transport } from '../../src/index.ts';
import { type AgentsDatabase, agentsDatabase, log } from '../agents-database.ts';
import { eventually } from '../eventually.ts';
import { expectEachEventOnce, keepWriting, newPrefix, openTransport, recordingConsumer } from './fault-harness.ts';

let kafka: RunningServer;
let database: AgentsDatabase;
let transport: Transport;

beforeAll(async () => {
  [kafka, database] = await Promise.all([
    startServer('kafka', { stateDir: await mkdtemp(join(tmpdir(), 'flotilla-kafka-')) }),
    agentsDatabase(),
  ]);
  transport = await openTransport([kafka.address], newPrefix());
});
afterAll(async () => {
  await transport?.close();
  await kafka?.stop();
  await database?.drop();
});

test('a broker killed and then frozen: what was committed is what had effect, once and in order', async () => {
  const consumer = recordingConsumer(database.db, transport);
  consumer.start();
  await consumer.joined;
  const relay = createRelay({ url: database.relayUrl, transport, log });
  relay.start();
  const db = database.open(() => relay.wake());
  const writing = keepWriting(db);
  const moreWrites = async (count: number) => {
    const goal = writing.writes() + count;
    await eventually(() => expect(writing.writes()).toBeGreaterThan(goal));
  };
  await moreWrites(50);
  await kafka.kill('SIGKILL');
  await expect(transport.ping()).rejects.toMatchObject({ code: 'unavailable' });
  // Nobody who writes notices.
  await moreWrites(30);
  await kafka.restart();
  await moreWrites(30);
  await kafka.kill('SIGSTOP');
  await moreWrites(30);
  await kafka.kill('SIGCONT');
  await moreWrites(30);
  await writing.stop();
  await eventually(async () => {
    expect(await database.query('select from outbox')).toEqual([]);
    await expectEachEventOnce(database);
  }, 90_000);
  await Promise.all([relay.stop(), consumer.stop()]);
});
