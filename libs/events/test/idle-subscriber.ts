import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { createKafkaTransport } from '../src/index.ts';
import { log } from './agents-database.ts';
import { kafkaBrokers } from './config.ts';

// Subscribes to a topic that stays empty, and says how often its event loop turned in three seconds, the calmest of a few:
// whoever never sleeps has none.
const [topic = '', group = ''] = process.argv.slice(2);
const transport = createKafkaTransport({ brokers: kafkaBrokers(), clientId: 'idle', log });
await transport.ping();
const subscription = transport.subscribe({ group, topics: [topic], handle: async ({ length }) => length });
await subscription.joined;
await delay(1_000);
let turns = Number.POSITIVE_INFINITY;
for (let window = 0; window < 5 && turns >= 15; window += 1) {
  const before = performance.nodeTiming.uvMetricsInfo.loopCount;
  await delay(3_000);
  turns = Math.min(turns, performance.nodeTiming.uvMetricsInfo.loopCount - before);
}
process.stdout.write(`${turns}\n`);
await transport.close();
