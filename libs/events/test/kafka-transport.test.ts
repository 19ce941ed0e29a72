import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKafkaTransport, dropTopics, ensureTopics } from '../src/index.ts';
import { log } from './agents-database.ts';
import { kafkaBrokers } from './config.ts';
import { eventually } from './eventually.ts';
import { lateLeader } from './late-leader.ts';
import { transportContract } from './transport-contract.ts';

transportContract({
  open: () => createKafkaTransport({ brokers: kafkaBrokers(), clientId: 'contract', log }),
  makeTopic: (name) => ensureTopics(kafkaBrokers(), [name], { replication: 1, partitions: 3 }),
  dropTopics: (names) => dropTopics(kafkaBrokers(), names),
});

// What KafkaJS does only since it is patched.
const topic = `patched-${randomBytes(5).toString('hex')}`;
const topics = [topic, `${topic}-idle`, `${topic}-late`];
beforeAll(() => ensureTopics(kafkaBrokers(), topics, { replication: 1, partitions: 3 }));
afterAll(() => dropTopics(kafkaBrokers(), topics));
const recordFor = (name: string) => ({ topic: name, key: 'k', value: Buffer.from('v'), headers: {} });

test('a subscriber sleeps while nothing comes', async () => {
  const transport = createKafkaTransport({ brokers: kafkaBrokers(), clientId: 'idle', log });
  await transport.publish([recordFor(`${topic}-idle`)]);
  await transport.close();
  const program = fileURLToPath(new URL('idle-subscriber.ts', import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, `${topic}-idle`, topic]);
  // One poll and one heartbeat. It was a turn each millisecond, and then ten a second for each connection.
  expect(Number(stdout)).toBeLessThan(15);
  expect(stderr).not.toContain('TimeoutNegativeWarning');
});

test('a broker that does not lead yet is asked again after a pause, and heard once it leads', async () => {
  const broker = await lateLeader(kafkaBrokers()[0] ?? '');
  const transport = createKafkaTransport({ brokers: [broker.address], clientId: 'late', log });
  let arrived = 0;
  const subscription = transport.subscribe({
    group: `${topic}-late`,
    topics: [`${topic}-late`],
    handle: async ({ length }) => {
      arrived += length;
      return length;
    },
  });
  await transport.publish([recordFor(`${topic}-late`)]);
  await eventually(() => expect(broker.refusedAt.length).toBeGreaterThanOrEqual(5));
  // At once, then after 0.1, 0.2 and 0.4 s. It was hundreds of times a second.
  const [first = 0, , , , fifth = 0] = broker.refusedAt;
  expect(fifth - first).toBeGreaterThan(650);
  expect(arrived).toBe(0);
  broker.lead();
  await eventually(() => expect(arrived).toBe(1));
  await subscription.stop();
  await transport.close();
  broker.close();
});

test('whoever stops does not wait for the poll in flight', async () => {
  const transport = createKafkaTransport({ brokers: kafkaBrokers(), clientId: 'stopping', log });
  let arrived = 0;
  const subscription = transport.subscribe({
    group: `${topic}-stopping`,
    topics: [topic],
    handle: async ({ length }) => {
      arrived += length;
      return length;
    },
  });
  await subscription.joined;
  await transport.publish([recordFor(topic)]);
  await eventually(() => expect(arrived).toBe(1));
  // Now begins a poll of three seconds.
  const before = performance.now();
  await subscription.stop();
  expect(performance.now() - before).toBeLessThan(1_500);
  expect(await transport.lag(`${topic}-stopping`, [topic])).toEqual({ records: 0n });
  await transport.close();
});

test('a request that a broker never answers ends when its time is over', async () => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const admin = new Kafka({
    brokers: [`127.0.0.1:${port}`],
    connectionTimeout: 300,
    requestTimeout: 300,
    retry: { retries: 0 },
    logLevel: logLevel.NOTHING,
  }).admin();
  await expect(admin.connect()).rejects.toMatchObject({ cause: { name: 'KafkaJSRequestTimeoutError' } });
  await admin.disconnect();
  silent.close();
});
