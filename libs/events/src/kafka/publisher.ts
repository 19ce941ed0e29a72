import { type Kafka, Partitioners, type Producer } from 'kafkajs';
import type { OutgoingRecord } from '../transport.ts';
import { answeredWithin, brokerUnavailable, settledWithin } from './kafka-client.ts';

/** Publishes batches, one after the other. */
export interface Publisher {
  publish(batch: readonly OutgoingRecord[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * One request in flight, so that a retry cannot overtake; all in-sync replicas acknowledge. A producer that failed is
 * thrown away: KafkaJS does not always find back to a broker that was gone.
 */
export function createPublisher(kafka: Kafka): Publisher {
  let current: Promise<Producer> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  async function connect(): Promise<Producer> {
    const producer = kafka.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
      idempotent: false,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    return producer;
  }

  async function send(batch: readonly OutgoingRecord[]): Promise<void> {
    current ??= connect();
    const connecting = current;
    try {
      const producer = await answeredWithin(30_000, 'the broker', connecting);
      const byTopic = Map.groupBy(batch, ({ topic }) => topic);
      const sending = producer.sendBatch({
        acks: -1,
        timeout: 10_000,
        topicMessages: [...byTopic].map(([topic, records]) => ({
          topic,
          messages: records.map(({ key, value, headers }) => ({ key, value: Buffer.from(value), headers })),
        })),
      });
      await answeredWithin(60_000, 'the broker', sending);
    } catch (error) {
      current = undefined;
      void connecting.then((producer) => producer.disconnect()).catch(() => {});
      throw brokerUnavailable(error);
    }
  }

  return {
    async publish(batch) {
      if (batch.length === 0) return;
      const turn = last.then(() => send(batch));
      last = turn.catch(() => {});
      await turn;
    },
    async close() {
      const connecting = current;
      current = undefined;
      if (connecting)
        await settledWithin(
          5_000,
          connecting.then((producer) => producer.disconnect()),
        );
    },
  };
}
