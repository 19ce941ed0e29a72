import { createLogger } from '@flotilla/observability';
import type { Kafka } from 'kafkajs';
import { expect, test, vi } from 'vitest';
import { subscribe } from './subscription.ts';

const log = createLogger({ service: 'test', level: 'silent' });

/** A KafkaJS whose consumers join and then never fetch again: what it does now and then, and tells nobody. */
function dozingKafka() {
  const consumers = { made: 0, disconnected: 0 };
  const consumer = () => {
    consumers.made += 1;
    const listeners = new Map<string, (event: unknown) => void>();
    return {
      on: (name: string, listener: (event: unknown) => void) => listeners.set(name, listener),
      connect: async () => {},
      subscribe: async () => {},
      run: async () => listeners.get('consumer.group_join')?.({}),
      disconnect: async () => {
        consumers.disconnected += 1;
      },
    };
  };
  return { kafka: { consumer } as unknown as Kafka, consumers };
}

const options = { group: 'g', topics: ['t'], handle: async () => 0 };

test('a member that makes no progress while records wait is replaced', async () => {
  const { kafka, consumers } = dozingKafka();
  const subscription = subscribe(options, { kafka, log, waiting: async () => 3n, watchdogMs: 20 });
  await subscription.joined;
  await vi.waitFor(() => expect(consumers.made).toBeGreaterThan(1), { timeout: 5_000 });
  expect(consumers.disconnected).toBeGreaterThan(0);
  await subscription.stop();
  expect(consumers.disconnected).toBe(consumers.made);
});

test('an idle member is left alone', async () => {
  const { kafka, consumers } = dozingKafka();
  let asked = 0;
  const waiting = async () => {
    asked += 1;
    return 0n;
  };
  const subscription = subscribe(options, { kafka, log, waiting, watchdogMs: 10 });
  await vi.waitFor(() => expect(asked).toBeGreaterThan(3), { timeout: 5_000 });
  expect(consumers.made).toBe(1);
  await subscription.stop();
});
