import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createKafkaTransport, dropTopics, ensureTopics } from '../src/index.ts';
import { log } from './agents-database.ts';
import { kafkaBrokers } from './config.ts';
import { transportContract } from './transport-contract.ts';

transportContract({
  open: () => createKafkaTransport({ brokers: kafkaBrokers(), clientId: 'contract', log }),
  makeTopic: (name) => ensureTopics(kafkaBrokers(), [name], { replication: 1, partitions: 3 }),
  dropTopics: (names) => dropTopics(kafkaBrokers(), names),
});

test('an idle connection runs no timers: KafkaJS is patched', async () => {
  const warnings: Error[] = [];
  process.on('warning', (warning) => warnings.push(warning));
  const transport = createKafkaTransport({ brokers: kafkaBrokers(), clientId: 'idle', log });
  await transport.ping();
  let timers = 0;
  const { setTimeout: original } = globalThis;
  globalThis.setTimeout = Object.assign((...args: Parameters<typeof original>) => {
    timers += 1;
    return original(...args);
  }, original) as typeof original;
  // Unpatched, a connection starts one timer each millisecond.
  await delay(200);
  globalThis.setTimeout = original;
  expect(timers).toBeLessThan(20);
  expect(warnings.map(({ name }) => name)).not.toContain('TimeoutNegativeWarning');
  await transport.close();
});
