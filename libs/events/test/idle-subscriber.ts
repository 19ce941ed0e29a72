import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { createKafkaTransport } from '../src/index.ts';
import { log } from './agents-database.ts';
import { kafkaBrokers } from './config.ts';

// Subscribes to a topic that has one record, and says how often its event loop turned in three seconds in which none came.
// The record shows that the broker leads the topic, which it can do some time after it says so.
const [topic = '', group = ''] = process.argv.slice(2);
const transport = createKafkaTransport({ brokers: kafkaBrokers(), clientId: 'idle', log });
await transport.ping();
const arrived = Promise.withResolvers<void>();
transport.subscribe({
  group,
  topics: [topic],
  handle: async ({ length }) => {
    arrived.resolve();
    return length;
  },
});
await arrived.promise;
await delay(1_000);
const before = performance.nodeTiming.uvMetricsInfo.loopCount;
await delay(3_000);
const turns = performance.nodeTiming.uvMetricsInfo.loopCount - before;
process.stdout.write(`${turns}\n`);
await transport.close();
